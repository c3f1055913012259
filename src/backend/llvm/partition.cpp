#include "backend/llvm/partition.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <tuple>

namespace sinter::backend {
namespace {

// Milliseconds of one core, about: of a kernel, of a statement in it, of a microkernel at each of its heights.
constexpr double kKernel = 2, kStatement = 0.35, kMicrokernel = 3.5;
/// Work that is worth a module of its own beside another: modules come in pairs of at most so much each.
constexpr double kModule = 60;

/// What tells one family of microkernels from another.
using Family = std::tuple<int, int, bool, bool>;

struct Work {
  double own = 0;  // without microkernels
  std::set<Family> families;
};

void add(const loop::Body& body, Work& work) {
  for (const loop::Statement& statement : body) {
    work.own += kStatement;
    if (const auto* loop = std::get_if<loop::For>(&statement.node)) {
      add(loop->body, work);
    } else if (const auto* branch = std::get_if<loop::If>(&statement.node)) {
      add(branch->then, work);
      add(branch->otherwise, work);
    } else if (const auto* contract = std::get_if<loop::Contract>(&statement.node)) {
      work.families.insert({contract->max_rows, contract->max_columns, contract->accumulate, contract->a.depth_stride == Dim(1)});
    }
  }
}

double cost(const Family& family) {
  double heights = 1;
  for (int rows = 1; rows < std::get<0>(family); rows *= 2) ++heights;
  return kMicrokernel * heights;
}

double cost(const std::set<Family>& families) {
  double sum = 0;
  for (const Family& family : families) sum += cost(family);
  return sum;
}

struct Part {
  double own = 0;
  std::set<Family> families;
  std::vector<size_t> kernels;
  double total() const { return own + cost(families); }
};

}  // namespace

std::vector<std::vector<size_t>> cut_into_modules(const std::vector<loop::Kernel>& kernels) {
  std::vector<Work> works;
  Part all;
  for (const loop::Kernel& kernel : kernels) {
    Work& work = works.emplace_back();
    work.own = kKernel;
    add(kernel.body, work);
    all.own += work.own;
    all.families.insert(work.families.begin(), work.families.end());
  }
  const size_t pairs = static_cast<size_t>(all.total() / (2 * kModule)) + 1;
  std::vector<Part> parts(std::min(kernels.size(), 2 * pairs));

  // The most expensive kernels first, each to the module that is then the least expensive.
  std::vector<size_t> order(kernels.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto alone = [&](size_t k) { return works[k].own + cost(works[k].families); };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return alone(a) > alone(b); });
  for (const size_t k : order) {
    const auto with = [&](const Part& part) {
      std::set<Family> families = part.families;
      families.insert(works[k].families.begin(), works[k].families.end());
      return part.own + works[k].own + cost(families);
    };
    Part& part = *std::min_element(parts.begin(), parts.end(), [&](const Part& a, const Part& b) { return with(a) < with(b); });
    part.own += works[k].own;
    part.families.insert(works[k].families.begin(), works[k].families.end());
    part.kernels.push_back(k);
  }
  std::erase_if(parts, [](const Part& part) { return part.kernels.empty(); });
  std::stable_sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.total() > b.total(); });
  std::vector<std::vector<size_t>> modules;
  for (Part& part : parts) {
    std::sort(part.kernels.begin(), part.kernels.end());
    modules.push_back(std::move(part.kernels));
  }
  return modules;
}

}  // namespace sinter::backend
