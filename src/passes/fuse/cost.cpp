#include "passes/fuse/cost.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>

namespace sinter::passes {
namespace {

std::string format(const char* pattern, double number) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, number);
  return text;
}

/// What is summed up for an element of a convolution: the filter of one feature, or of the filter's gradient all positions.
Shape depth_of(const ir::Graph& graph, const ir::Node& node) {
  const bool panels = node.op->find_attribute("filter_shape") != nullptr;
  const Shape& shape = panels ? ir::get_attribute<Shape>(*node.op, node.attributes, "filter_shape") : graph.type(node.operands[1]).shape;
  return Shape(std::vector<Dim>(shape.begin(), shape.end() - 1));
}
double blocks_of(const ir::Node& node) {
  const bool gradient = std::get<ir::Window>(node.op->lowering).kind == ir::Window::Kind::kFilterGradient;
  return gradient ? static_cast<double>(ir::get_attribute<int64_t>(*node.op, node.attributes, "blocks")) : 1;
}

}  // namespace

double CostModel::elements(const Shape& shape) const {
  double count = 1;
  for (const Dim& dim : shape) {
    if (const auto known = dim.as_constant()) {
      count *= static_cast<double>(*known);
      continue;
    }
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

double CostModel::elements(ir::Value value) const {
  const auto [place, fresh] = elements_.emplace(value.id, 0);
  if (fresh) place->second = elements(groups_.graph().type(value).shape);
  return place->second;
}

double CostModel::bytes(ir::Value value) const {
  return elements(value) * static_cast<double>(size_in_bytes(groups_.graph().type(value).dtype));
}

double CostModel::bytes(const std::vector<ir::Value>& values) const {
  double all = 0;
  for (const ir::Value value : values) all += bytes(value);
  return all;
}

CacheLevel CostModel::level_of(double bytes) const {
  if (bytes <= options_.l1_bytes) return {"L1", options_.l1_rate};
  if (bytes <= options_.l2_bytes) return {"L2", options_.l2_rate};
  if (bytes <= options_.l3_bytes) return {"L3", options_.l3_rate};
  return {"memory", options_.dram_rate};
}

/// Elements that vectors along the last axis compute.
double CostModel::padded(ir::Value value) const {
  const TensorType& type = groups_.graph().type(value);
  const double count = elements(value);
  if (type.shape.rank() == 0 || count == 0) return count;
  const double lanes = std::max(1.0, options_.vector_bytes / static_cast<double>(size_in_bytes(type.dtype)));
  const double last = elements(Shape{type.shape[type.shape.rank() - 1]});
  return last >= 2 * lanes && type.shape.rank() == 1 ? count : count / last * std::ceil(last / lanes) * lanes;
}

double CostModel::operations_of(int32_t index) const {
  const ir::Node& node = groups_.node(index);
  const NodeFacts& facts = groups_.facts(index);
  if (facts.kind == NodeKind::kConvolution) {
    return padded(node.results[0]) * elements(depth_of(groups_.graph(), node)) * options_.simple_operations / options_.multiply_adds / blocks_of(node);
  }
  if (facts.kind == NodeKind::kWindow) {
    double entries = 1;
    for (const int64_t size : ir::get_attribute<ir::Integers>(*node.op, node.attributes, "window")) entries *= static_cast<double>(size);
    return padded(node.results[0]) * entries * 2;
  }
  if (facts.kind != NodeKind::kContract)
    return facts.cost * padded(facts.kind == NodeKind::kReduce || facts.kind == NodeKind::kBlocks ? node.operands[0] : node.results[0]);
  double depth = 1;
  const Shape& lhs = groups_.graph().type(node.operands[0]).shape;
  for (const int64_t axis : ir::get_attribute<ir::Integers>(*node.op, node.attributes, "lhs_contract"))
    depth *= elements(Shape{lhs[static_cast<size_t>(axis)]});
  return padded(node.results[0]) * depth * options_.simple_operations / options_.multiply_adds;
}

double CostModel::arithmetic_of(int32_t group) const {
  double operations = 0;
  for (const int32_t member : groups_.group(group).members) {
    const auto [place, fresh] = operations_.emplace(member, 0);
    if (fresh) place->second = operations_of(member);
    operations += place->second;
  }
  return arithmetic(operations);
}

double CostModel::time(const Groups::Streams& streams, const CacheLevel& level, double arithmetic) const {
  return kernel() + (bytes(streams.reads) + bytes(streams.writes)) / level.rate + arithmetic;
}

double CostModel::time(int32_t group) const {
  const Groups::Streams streams = groups_.streams({group});
  return time(streams, level_of(bytes(streams.reads) + bytes(streams.writes)), arithmetic_of(group));
}

std::string microseconds(double time) { return time < 1e6 ? format("%.2f us", time / 1e3) : format("%.2f ms", time / 1e6); }
std::string kilobytes(double bytes) {
  return bytes < 1024 * 1024 ? format("%.1f KiB", bytes / 1024) : format("%.1f MiB", bytes / 1024 / 1024);
}

}  // namespace sinter::passes
