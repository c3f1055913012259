#include "ir/control_form.h"

#include <algorithm>

#include "ir/op_def.h"

namespace sinter::ir {

std::optional<ControlForm> control_form(const Node& node) {
  const OpDef& op = *node.op;
  if (op.name == "if") return ControlForm{.kind = ControlForm::Kind::kChoice, .first = 1};
  if (op.name == "while") return ControlForm{.kind = ControlForm::Kind::kWhile, .carried = node.operands.size()};
  if (op.name != "scan") return std::nullopt;
  return ControlForm{.kind = ControlForm::Kind::kRows,
                     .carried = static_cast<size_t>(get_attribute<int64_t>(op, node.attributes, "carried")),
                     .length = get_attribute<Dim>(op, node.attributes, "length"),
                     .reverse = get_attribute<bool>(op, node.attributes, "reverse")};
}

bool has_control(const Graph& graph) {
  return std::any_of(graph.nodes().begin(), graph.nodes().end(), [](const Node& node) { return control_form(node).has_value(); });
}

bool is_invariant(const Node& node, const ControlForm& form, size_t carried) {
  const Graph& body = node.regions[form.body()];
  return carried < form.carried && body.results()[carried] == body.argument(static_cast<int32_t>(carried));
}

void for_each_kernel(const Graph& graph, const std::function<void(const Graph&, const Node&)>& visit) {
  for (const Node& node : graph.nodes()) {
    if (!control_form(node)) {
      visit(graph, node);
      continue;
    }
    for (const Graph& region : node.regions) for_each_kernel(region, visit);
  }
}

}  // namespace sinter::ir
