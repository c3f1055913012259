#include "passes/fuse/emit.h"

#include <algorithm>
#include <map>

#include "ir/builder.h"
#include "passes/fuse/stages.h"

namespace sinter::passes {
namespace {

using ir::Graph;
using ir::Node;
using ir::Value;

std::string reason_of(const Groups& groups, int32_t group) {
  const Group& g = groups.group(group);
  const std::string apart = g.members.size() == 1 ? "" : "; apart they would take " + microseconds(g.saved) + " more";
  const std::string count = std::to_string(g.members.size()) + (g.members.size() == 1 ? " node" : " nodes");
  if (g.verdict.kind == "contract")
    return (g.members.size() == 1 ? "a contraction" : "a contraction and what goes with it, " + count) + apart;
  if (g.verdict.kind == "convolution" || g.verdict.kind == "window")
    return "a " + g.verdict.kind + (g.members.size() == 1 ? "" : " and what goes with it place by place, " + count) + apart;
  if (g.verdict.kind == "rows") return "rows of " + g.verdict.domain.to_string() + ", " + count + apart;
  if (g.verdict.kind == "columns") return "columns of " + g.verdict.domain.to_string() + ", " + count + apart;
  if (g.verdict.kind == "scatter") return "updates at places found by indices, in order";
  return count + " over " + g.verdict.domain.to_string() + apart;
}

/// Copies nodes of one graph into the body of a fusion.
class BodyMaker {
 public:
  BodyMaker(const Groups& groups, int32_t group) : groups_(groups), from_(groups.graph()) {
    const std::vector<int32_t> nodes = groups.contents(groups.group(group).members);
    arguments = groups.reads(group);
    for (const Value value : arguments) map_[value.id] = body.add_argument(from_.type(value));
    for (const int32_t index : nodes) {
      const Node& node = groups.node(index);
      Node copy{.op = node.op, .operands = {}, .attributes = node.attributes, .regions = {}, .name = node.name};
      for (const Value operand : node.operands) copy.operands.push_back(map_.at(operand.id));
      map_[node.results[0].id] = body.append(std::move(copy), {from_.type(node.results[0])}).results[0];
    }
    std::vector<Value> inner;
    results = groups.results(group);
    for (const Value value : results) inner.push_back(map_.at(value.id));
    body.set_results(std::move(inner));
  }

  Graph body;
  std::vector<Value> arguments, results;  // values of the function

 private:
  const Groups& groups_;
  const Graph& from_;
  std::map<int32_t, Value> map_;
};

/// What the names of all parts begin with, up to a dot; else the name of the first contraction, or of the first part.
std::string common_name(const Groups& groups, const Kernel& kernel) {
  const std::string first = main_node(groups, kernel[0]).name;
  size_t length = first.size();
  for (const int32_t part : kernel) {
    const std::string& name = main_node(groups, part).name;
    size_t same = 0;
    while (same < length && same < name.size() && name[same] == first[same]) ++same;
    if (same < first.size() || same < name.size()) {  // whole words only
      const bool word = (same == first.size() || first[same] == '.') && (same == name.size() || name[same] == '.');
      if (!word) same = same == 0 ? 0 : first.rfind('.', same - 1) == std::string::npos ? 0 : first.rfind('.', same - 1);
    }
    length = std::min(length, same);
  }
  if (length > 0) return first.substr(0, length);
  for (const int32_t part : kernel)
    if (is_anchored(groups.group(part).verdict.kind)) return main_node(groups, part).name;
  return first;
}

/// A graph of fusions in the making: values by those of the graph that is fused.
struct Writer {
  Graph graph;
  ir::Builder builder{graph};
  std::map<int32_t, Value> map;

  void add(const Groups& groups, int32_t group) {
    BodyMaker made(groups, group);
    apply({{"kind", groups.group(group).verdict.kind}, {"reason", reason_of(groups, group)}}, main_node(groups, group).name, made.arguments,
          made.results, std::move(made.body));
  }

  /// Several groups as one kernel: side by side, or each a stage that reads those before it.
  void add_several(const Groups& groups, const Kernel& kernel, ir::Attributes attributes, const std::string& reason) {
    std::vector<Value> inner_results;
    Writer inner;
    const Groups::Streams streams = groups.streams(kernel);
    for (const Value value : streams.reads) inner.map[value.id] = inner.graph.add_argument(groups.graph().type(value));
    for (const int32_t part : kernel) inner.add(groups, part);
    for (const Value value : streams.writes) inner_results.push_back(inner.map.at(value.id));
    inner.graph.set_results(std::move(inner_results));
    attributes["reason"] = reason;
    apply(std::move(attributes), common_name(groups, kernel), streams.reads, streams.writes, std::move(inner.graph));
  }

 private:
  void apply(ir::Attributes attributes, const std::string& name, const std::vector<Value>& arguments, const std::vector<Value>& results,
             Graph body) {
    std::vector<Value> operands;
    for (const Value value : arguments) operands.push_back(map.at(value.id));
    builder.set_name(name);
    const std::vector<Value> made = builder.apply("fusion", std::move(operands), std::move(attributes), {std::move(body)});
    for (size_t i = 0; i < made.size(); ++i) map[results[i].id] = made[i];
  }
};

}  // namespace

Graph emit(const Groups& groups, const std::vector<Kernel>& kernels, const FuseOptions& options) {
  const Graph& from = groups.graph();
  Writer writer;
  for (int32_t i = 0; i < from.argument_count(); ++i) writer.map[i] = writer.graph.add_argument(from.type(from.argument(i)));
  for (const Kernel& kernel : kernels) {
    if (kernel.size() == 1) {
      writer.add(groups, kernel[0]);
    } else if (is_staged(groups, kernel)) {
      const int64_t rows = rows_per_block(groups, kernel, options);
      writer.add_several(groups, kernel, {{"kind", std::string("stages")}, {"rows", rows}},
                         std::to_string(kernel.size()) + " kernels as stages of one, " + std::to_string(rows) + " rows at a time");
    } else {
      writer.add_several(groups, kernel, {{"kind", std::string("parallel")}},
                         std::to_string(kernel.size()) + " kernels side by side: ready together, none waits for another");
    }
  }
  std::vector<Value> results;
  for (const Value value : from.results()) results.push_back(writer.map.at(value.id));
  writer.graph.set_results(std::move(results));
  return std::move(writer.graph);
}

}  // namespace sinter::passes
