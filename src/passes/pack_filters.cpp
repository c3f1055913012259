#include "passes/pack_filters.h"

#include "ir/op_def.h"
#include "passes/cse.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

using ir::Integers;
using ir::Value;

/// [.., channel, output channel] as [panel, the other axes as one, output channel of the panel].
Value pack(ir::Builder& builder, Value filter, int64_t width) {
  const Shape shape = builder.shape(filter);
  const size_t last = shape.rank() - 1;
  const Dim depth = shape.element_count(0, last), panels = ceil_div(shape[last], width), missing = panels * width - shape[last];
  Value value = builder.reshape(filter, {depth, shape[last]});
  if (missing != Dim(0)) value = builder.call("pad", {value, builder.scalar(0, builder.dtype(filter))}, {{"low", Shape{0, 0}}, {"high", Shape{0, missing}}});
  return builder.call("transpose", {builder.reshape(value, {depth, panels, width})}, {{"permutation", Integers{1, 0, 2}}});
}

}  // namespace

ir::Module pack_filters(const ir::Module& module, const FilterWidth& width) {
  return cse(map_graphs(module, [&](const ir::Graph& graph) {  // one copy for convolutions that share a filter
    return rewrite(graph, [&](Rewriter& rewriter, const ir::Node& node) -> std::optional<std::vector<Value>> {
      const auto* window = std::get_if<ir::Window>(&node.op->lowering);
      if (window == nullptr || window->kind != ir::Window::Kind::kConvolution) return std::nullopt;
      const int64_t panel = width(node, graph);
      if (panel == 0) return std::nullopt;
      ir::Builder& builder = rewriter.builder();
      ir::Attributes attributes = node.attributes;
      attributes["filter_shape"] = graph.type(node.operands[1]).shape;
      attributes["width"] = panel;
      const Value packed = pack(builder, rewriter.at(node.operands[1]), panel);
      builder.set_name(node.name);
      return std::vector<Value>{builder.call("convolution_panels", {rewriter.at(node.operands[0]), packed}, std::move(attributes))};
    });
  }));
}

}  // namespace sinter::passes
