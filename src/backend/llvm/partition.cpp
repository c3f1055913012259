#include "backend/llvm/partition.h"

#include <algorithm>
#include <numeric>

namespace sinter::backend {
namespace {

// Milliseconds of one core, about.
constexpr double kKernel = 2, kStatement = 0.35, kMicrokernel = 0.8, kMultiplyAdd = 0.1;
/// Work that is worth a module of its own beside another: modules come in pairs of at most so much each.
constexpr double kModule = 60;

double statement_cost(const loop::Body& body) {
  double cost = 0;
  for (const loop::Statement& statement : body) {
    cost += kStatement;
    if (const auto* loop = std::get_if<loop::For>(&statement.node)) {
      cost += statement_cost(loop->body);
    } else if (const auto* branch = std::get_if<loop::If>(&statement.node)) {
      cost += statement_cost(branch->then) + statement_cost(branch->otherwise);
    }
  }
  return cost;
}

}  // namespace

double kernel_cost(const loop::Kernel& kernel) { return kKernel + statement_cost(kernel.body); }

double microkernel_cost(int multiply_adds) { return kMicrokernel + kMultiplyAdd * multiply_adds; }

std::vector<std::vector<size_t>> cut_into_modules(const std::vector<double>& costs) {
  struct Module {
    double cost = 0;
    std::vector<size_t> numbers;
  };
  const size_t pairs = static_cast<size_t>(std::accumulate(costs.begin(), costs.end(), 0.0) / (2 * kModule)) + 1;
  std::vector<Module> modules(std::min(costs.size(), 2 * pairs));

  // The most expensive first, each to the module that is then the least expensive.
  std::vector<size_t> order(costs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return costs[a] > costs[b]; });
  for (const size_t number : order) {
    Module& module = *std::min_element(modules.begin(), modules.end(), [](const Module& a, const Module& b) { return a.cost < b.cost; });
    module.cost += costs[number];
    module.numbers.push_back(number);
  }
  std::stable_sort(modules.begin(), modules.end(), [](const Module& a, const Module& b) { return a.cost > b.cost; });
  std::vector<std::vector<size_t>> numbers;
  for (Module& module : modules) {
    std::sort(module.numbers.begin(), module.numbers.end());
    numbers.push_back(std::move(module.numbers));
  }
  return numbers;
}

}  // namespace sinter::backend
