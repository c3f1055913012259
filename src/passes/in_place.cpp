#include "passes/in_place.h"

#include <algorithm>
#include <set>

#include "ir/control_form.h"
#include "ir/op_def.h"

namespace sinter::passes {
namespace {

using ir::Graph;
using ir::Node;
using ir::Value;

const std::string& kind_of(const Node& fusion) { return ir::get_attribute<std::string>(*fusion.op, fusion.attributes, "kind"); }

/// Every way from the argument goes through elementwise nodes of its shape, up to results and reductions: views and
/// lookups would read it at other places. A reduction ends a way: it has read all it needs of a row before anything of
/// the row is written. Only kind `rows` works so. Results are stored in their order, each value computed where it is
/// first needed: `result` must not be stored before the argument was read.
bool is_read_in_place(const Graph& body, Value argument, size_t result, bool rows) {
  std::set<int32_t> from{argument.id};
  for (const Node& node : body.nodes()) {
    const bool depends = std::any_of(node.operands.begin(), node.operands.end(), [&](Value v) { return from.contains(v.id); });
    if (!depends) continue;
    if (rows && std::holds_alternative<ir::Reduce>(node.op->lowering)) continue;
    const Value value = node.results[0];
    if (!std::holds_alternative<ir::Elementwise>(node.op->lowering) || body.type(value).shape != body.type(argument).shape) return false;
    from.insert(value.id);
  }
  for (size_t i = 0; i < body.results().size(); ++i)
    if (from.contains(body.results()[i].id)) return i <= result;
  return true;
}

bool body_can_write_over(const std::string& kind, const Graph& body, size_t result, size_t operand) {
  const Value argument = body.argument(static_cast<int32_t>(operand));
  const TensorType &read = body.type(argument), &written = body.type(body.results()[result]);
  if (read.shape != written.shape || size_in_bytes(read.dtype) != size_in_bytes(written.dtype)) return false;
  if (kind == "scatter") {  // copies its data first; indices and updates are read later
    const Node& node = body.nodes()[0];
    return node.operands[0] == argument && std::count(node.operands.begin(), node.operands.end(), argument) == 1;
  }
  return is_read_in_place(body, argument, result, kind == "rows");
}

}  // namespace

bool can_write_over(const Node& fusion, size_t result, size_t operand) {
  const Graph& body = fusion.regions[0];
  if (kind_of(fusion) == "stages") return false;  // a later stage may read the operand, for its block of rows
  if (kind_of(fusion) != "parallel") return body_can_write_over(kind_of(fusion), body, result, operand);
  // Parts run side by side: only the part that writes may read.
  const Value argument = body.argument(static_cast<int32_t>(operand));
  bool allowed = true;
  for (const Node& part : body.nodes()) {
    const auto read = std::find(part.operands.begin(), part.operands.end(), argument);
    if (read == part.operands.end()) continue;
    const auto written = std::find(part.results.begin(), part.results.end(), body.results()[result]);
    allowed = allowed && written != part.results.end() &&
              body_can_write_over(kind_of(part), part.regions[0], static_cast<size_t>(written - part.results.begin()),
                                  static_cast<size_t>(read - part.operands.begin()));
  }
  return allowed;
}

bool can_replace(const Graph& graph, Value value, Value old) {
  if (value == old) return true;
  bool written = false;
  for (const Node& node : graph.nodes()) {
    const auto made = std::find(node.results.begin(), node.results.end(), value);
    const auto read = std::find(node.operands.begin(), node.operands.end(), old);
    if (written && read != node.operands.end()) return false;
    if (made == node.results.end()) continue;
    written = true;
    if (read == node.operands.end()) continue;
    if (ir::control_form(node)) return false;
    if (!can_write_over(node, static_cast<size_t>(made - node.results.begin()), static_cast<size_t>(read - node.operands.begin())))
      return false;
  }
  return true;
}

}  // namespace sinter::passes
