#include "runtime/data/shuffle.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "base/error.h"

namespace sinter::runtime {
namespace {

constexpr int64_t kRunsInWindow = 64;

}  // namespace

void shuffle(std::span<int64_t> order, uint32_t seed, Purpose purpose, uint32_t item) {
  if (order.size() > UINT32_MAX) throw Error(ErrorCode::kUnsupported, "more than 4294967295 samples cannot be shuffled");
  std::iota(order.begin(), order.end(), 0);
  Draws draws(seed, purpose, item);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[draws.below(static_cast<uint32_t>(i))]);
}

void shuffle_in_windows(std::span<int64_t> order, int64_t window, uint32_t seed, uint32_t epoch) {
  const auto size = static_cast<int64_t>(order.size());
  if (size <= window) return shuffle(order, seed, Purpose::kShuffle, epoch);
  const int64_t run = std::max<int64_t>(1, window / kRunsInWindow), runs = (size + run - 1) / run;
  std::vector<int64_t> run_order(static_cast<size_t>(runs));
  shuffle(run_order, seed, Purpose::kShuffle, epoch);
  size_t out = 0;
  for (const int64_t r : run_order)
    for (int64_t i = r * run; i < std::min(size, (r + 1) * run); ++i) order[out++] = i;
  Draws draws(seed, Purpose::kShuffleWindow, epoch);
  for (int64_t first = 0; first < size; first += window) {
    const auto part = order.subspan(static_cast<size_t>(first), static_cast<size_t>(std::min(window, size - first)));
    for (size_t i = part.size(); i > 1; --i) std::swap(part[i - 1], part[draws.below(static_cast<uint32_t>(i))]);
  }
}

}  // namespace sinter::runtime
