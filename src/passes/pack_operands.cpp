#include "passes/pack_operands.h"

#include <algorithm>

#include "ir/control_form.h"
#include "ir/op_def.h"
#include "passes/cse.h"
#include "passes/prepare_values.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

using ir::Integers;
using ir::Value;

/// [batch.., depth.., columns..] or [batch.., columns.., depth..] as [batch, panel, depth, column of the panel].
Value pack(ir::Builder& builder, Value rhs, size_t batch_axes, const Integers& contract, int64_t width) {
  const Shape shape = builder.shape(rhs);
  const size_t rank = shape.rank(), depth_axes = contract.size(), column_axes = rank - batch_axes - depth_axes;
  const bool columns_last = contract.empty() || contract[0] == static_cast<int64_t>(batch_axes);
  const Dim batch = shape.element_count(0, batch_axes);
  const Dim depth = columns_last ? shape.element_count(batch_axes, batch_axes + depth_axes) : shape.element_count(batch_axes + column_axes, rank);
  const Dim columns = columns_last ? shape.element_count(batch_axes + depth_axes, rank) : shape.element_count(batch_axes, batch_axes + column_axes);
  const Dim panels = ceil_div(columns, width), missing = panels * width - columns;
  const auto reshape = [&](Value value, Shape to) {
    return builder.shape(value) == to ? value : builder.call("reshape", {value}, {{"shape", std::move(to)}});
  };
  Value value = reshape(rhs, columns_last ? Shape{batch, depth, columns} : Shape{batch, columns, depth});
  if (missing != Dim(0))
    value = builder.call("pad", {value, builder.scalar(0, builder.dtype(rhs))},
                         {{"low", Shape{0, 0, 0}}, {"high", columns_last ? Shape{0, 0, missing} : Shape{0, missing, 0}}});
  value = reshape(value, columns_last ? Shape{batch, depth, panels, width} : Shape{batch, panels, width, depth});
  return builder.call("transpose", {value}, {{"permutation", columns_last ? Integers{0, 2, 1, 3} : Integers{0, 1, 3, 2}}});
}

/// Packs the right operands that are computed ahead, or once for all rounds of a loop.
class Packer {
 public:
  explicit Packer(const PanelWidth& width) : width_(width) {}

  ir::Graph pack_graph(const ir::Graph& from, const std::vector<bool>& ahead) {
    Rewriter rewriter(from);
    for (const ir::Node& node : from.nodes()) {
      if (const auto form = ir::control_form(node)) {
        copy_control(rewriter, node, *form);
        continue;
      }
      const int64_t panel = node.op->name == "dot_general" && ahead[static_cast<size_t>(node.operands[1].id)] ? width_(node, from) : 0;
      if (panel == 0) {
        rewriter.copy(node);
        continue;
      }
      any_ = true;
      ir::Attributes attributes = node.attributes;
      attributes["rhs_shape"] = from.type(node.operands[1]).shape;
      attributes["width"] = panel;
      const Value packed = pack(rewriter.builder(), rewriter.at(node.operands[1]), ir::get_attribute<Integers>(*node.op, node.attributes, "rhs_batch").size(),
                                ir::get_attribute<Integers>(*node.op, node.attributes, "rhs_contract"), panel);
      rewriter.builder().set_name(node.name);
      rewriter.replace(node.results[0], rewriter.builder().call("dot_panels", {rewriter.at(node.operands[0]), packed}, std::move(attributes)));
    }
    return std::move(rewriter).finish();
  }

  bool any() const { return any_; }

 private:
  /// What stays the same in all rounds of a loop is packed in its body; lift_invariants takes that out.
  void copy_control(Rewriter& rewriter, const ir::Node& node, const ir::ControlForm& form) {
    ir::Node changed = node;
    for (ir::Graph& region : changed.regions) {
      std::vector<bool> same(static_cast<size_t>(region.value_count()));
      for (size_t i = 0; i < form.carried; ++i) same[i] = is_invariant(node, form, i);
      region = pack_graph(region, same);
    }
    rewriter.copy(changed);
  }

  const PanelWidth& width_;
  bool any_ = false;
};

}  // namespace

ir::Module pack_operands(const ir::Module& module, const PanelWidth& width) {
  ir::Module result = module;
  for (size_t i = 0; i < result.functions.size(); ++i) {
    Packer packer(width);
    ir::Graph packed = packer.pack_graph(module.functions[i].graph, computed_ahead(module, module.functions[i]));
    if (packer.any()) result.functions[i].graph = std::move(packed);
  }
  return cse(result);  // one copy for contractions that share an operand
}

}  // namespace sinter::passes
