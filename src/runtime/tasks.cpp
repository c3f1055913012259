#include "runtime/tasks.h"

#include <algorithm>

#include "base/error.h"

namespace sinter::runtime {
namespace {

// What a core does at least where operands are cached: to tell work that is worth another participant's time from work that is not.
constexpr double kFlopsPerSecond = 80e9, kBytesPerSecond = 40e9;
constexpr double kBeyondCounting = 1;

/// A kernel worth less stays with one participant: to wake another and to fetch from each other's caches takes about as long as it saves
/// (docs/performance.md, programs).
constexpr double kWorthSharing = 8e-6;
/// Cheap kernels that do not wait for each other may run side by side in portions of this.
constexpr double kPortion = 20e-6;

}  // namespace

double estimated_seconds(const ProgramKernel& kernel, const SymbolValues& symbols) {
  try {
    return std::max(static_cast<double>(kernel.flops.evaluate(symbols)) / kFlopsPerSecond,
                    static_cast<double>(kernel.bytes.evaluate(symbols)) / kBytesPerSecond);
  } catch (const Error&) {
    return kBeyondCounting;
  }
}

bool is_shared(const KernelEstimate& kernel) { return kernel.tiles > 1 && kernel.seconds >= kWorthSharing; }

std::vector<Task> plan_tasks(const Segment& segment, std::span<const KernelEstimate> kernels, const std::vector<std::vector<int32_t>>& dependencies) {
  std::vector<Task> tasks;
  bool open = false;  // the last task takes more kernels
  for (int32_t k = segment.first; k < segment.first + segment.count; ++k) {
    const KernelEstimate& kernel = kernels[static_cast<size_t>(k)];
    const bool cheap = kernel.seconds < kWorthSharing, shared = is_shared(kernel);
    const std::vector<int32_t>& before = dependencies[static_cast<size_t>(k)];
    const bool waits = std::find(before.begin(), before.end(), k - 1) != before.end();
    if (cheap && open && (waits || tasks.back().seconds + kernel.seconds <= kPortion)) {
      tasks.back().count += 1;
      tasks.back().seconds += kernel.seconds;
    } else {
      tasks.push_back({k, 1, shared, kernel.seconds});
    }
    open = !shared;
  }
  return tasks;
}

}  // namespace sinter::runtime
