#include "passes/fuse/cost.h"

#include <algorithm>
#include <cstdio>
#include <set>

namespace sinter::passes {
namespace {

std::string format(const char* pattern, double number) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, number);
  return text;
}

}  // namespace

double CostModel::elements(const Shape& shape) const {
  double count = 1;
  for (const Dim& dim : shape) {
    std::set<std::string> symbols;
    dim.collect_symbols(symbols);
    SymbolValues values;
    for (const std::string& symbol : symbols) values[symbol] = options_.symbol;
    try {
      count *= static_cast<double>(std::max<int64_t>(0, dim.evaluate(values)));
    } catch (const Error&) {
      count *= static_cast<double>(options_.symbol);  // the symbols do not go together; any size will do
    }
  }
  return count;
}

double CostModel::bytes(const TensorType& type) const { return elements(type.shape) * static_cast<double>(size_in_bytes(type.dtype)); }

double CostModel::transfer(double bytes) const {
  const double rate = bytes <= options_.l2_bytes ? options_.l2_rate : bytes <= options_.l3_bytes ? options_.l3_rate : options_.dram_rate;
  return bytes / rate;
}

double CostModel::time(const Groups& groups, int32_t group) const {
  double moved = 0, operations = 0;
  for (const ir::Value value : groups.reads(group)) moved += bytes(groups.graph().type(value));
  for (const ir::Value value : groups.results(group)) moved += bytes(groups.graph().type(value));
  for (const int32_t member : groups.group(group).members) {
    const ir::Node& node = groups.node(member);
    const NodeFacts& facts = groups.facts(member);
    const Shape& shape = groups.graph().type(node.results[0]).shape;
    if (facts.kind == NodeKind::kContract) {
      double depth = 1;
      const Shape& lhs = groups.graph().type(node.operands[0]).shape;
      for (const int64_t axis : ir::get_attribute<ir::Integers>(*node.op, node.attributes, "lhs_contract"))
        depth *= elements({lhs[static_cast<size_t>(axis)]});
      operations += 0.5 * elements(shape) * depth;  // two of them at once, from registers
    } else {
      operations += facts.cost * elements(facts.kind == NodeKind::kReduce ? groups.graph().type(node.operands[0]).shape : shape);
    }
  }
  return kernel() + transfer(moved) + arithmetic(operations);
}

std::string nanoseconds(double time) { return time < 1e6 ? format("%.2f us", time / 1e3) : format("%.2f ms", time / 1e6); }
std::string kilobytes(double bytes) {
  return bytes < 1024 * 1024 ? format("%.1f KiB", bytes / 1024) : format("%.1f MiB", bytes / 1024 / 1024);
}

}  // namespace sinter::passes
