#include "backend/lower/contract_form.h"

#include <algorithm>

#include "backend/loop/loop_ir.h"

namespace sinter::backend {
namespace {

bool is_run(const ir::Integers& axes, size_t first) {
  for (size_t i = 0; i < axes.size(); ++i)
    if (axes[i] != static_cast<int64_t>(first + i)) return false;
  return true;
}

}  // namespace

const ir::Node& find_contract(const ir::Graph& body) {
  for (const ir::Node& node : body.nodes())
    if (std::holds_alternative<ir::Contract>(node.op->lowering)) return node;
  SINTER_CHECK(false, "a body of kind contract without one");
}

ContractForm contract_form(const ir::Node& node, const ir::Graph& graph) {
  const auto axes = [&](std::string_view name) { return ir::get_attribute<ir::Integers>(*node.op, node.attributes, name); };
  const Shape& lhs = graph.type(node.operands[0]).shape;
  const bool panels = node.op->find_attribute("rhs_shape") != nullptr;
  const Shape& rhs = panels ? ir::get_attribute<Shape>(*node.op, node.attributes, "rhs_shape") : graph.type(node.operands[1]).shape;
  const ir::Integers lhs_contract = axes("lhs_contract"), rhs_contract = axes("rhs_contract"), axes_of_batch = axes("rhs_batch");
  ContractForm form;
  if (panels) form.group = loop::contract_group(graph.type(node.operands[0]).dtype, graph.type(node.operands[1]).dtype);
  if (panels) form.raised = ir::get_attribute<bool>(*node.op, node.attributes, "raised");
  if (panels) form.panel_width = ir::get_attribute<int64_t>(*node.op, node.attributes, "width");
  form.batch_axes = axes("lhs_batch").size();
  form.depth_axes = lhs_contract.size();
  form.row_axes = lhs.rank() - form.batch_axes - form.depth_axes;
  const size_t column_axes = rhs.rank() - form.batch_axes - form.depth_axes;
  SINTER_CHECK(is_run(axes("lhs_batch"), 0) && (panels || is_run(axes("rhs_batch"), 0)), "batch axes of a contract come first");
  form.lhs_depth_contiguous = is_run(lhs_contract, form.batch_axes + form.row_axes);
  form.rhs_columns_contiguous = panels || is_run(rhs_contract, form.batch_axes);
  SINTER_CHECK(form.lhs_depth_contiguous || is_run(lhs_contract, form.batch_axes), "contracted axes of the lhs are a run");
  SINTER_CHECK(form.lhs_depth_contiguous || form.group == 1, "the depth of an lhs by words is its last axes");
  SINTER_CHECK(form.rhs_columns_contiguous || is_run(rhs_contract, form.batch_axes + column_axes), "contracted axes of the rhs are a run");
  const size_t rows_end = form.batch_axes + form.row_axes, depth_end = form.batch_axes + form.depth_axes;
  form.batch = lhs.element_count(0, form.batch_axes);
  form.rows = form.lhs_depth_contiguous ? lhs.element_count(form.batch_axes, rows_end) : lhs.element_count(depth_end, lhs.rank());
  form.depth = form.lhs_depth_contiguous ? lhs.element_count(rows_end, lhs.rank()) : lhs.element_count(form.batch_axes, depth_end);
  const auto is_column = [&](size_t axis) {
    const auto in = [axis](const ir::Integers& list) { return std::find(list.begin(), list.end(), static_cast<int64_t>(axis)) != list.end(); };
    return !in(axes_of_batch) && !in(rhs_contract);
  };
  if (panels) {  // their columns stand in order, wherever the axes were
    for (size_t axis = 0; axis < rhs.rank(); ++axis)
      if (is_column(axis)) form.columns = form.columns * rhs[axis];
    return form;
  }
  form.columns = form.rhs_columns_contiguous ? rhs.element_count(depth_end, rhs.rank()) : rhs.element_count(form.batch_axes, form.batch_axes + column_axes);
  return form;
}

ContractShape contract_shape(const ContractForm& form, DType dtype) {
  ContractShape shape;
  shape.batch = form.batch, shape.rows = form.rows, shape.columns = form.columns, shape.depth = form.group == 1 ? form.depth : ceil_div(form.depth, form.group);
  shape.group = form.group;
  shape.dtype = dtype;
  shape.lhs_depth_contiguous = form.lhs_depth_contiguous;
  shape.panel_width = form.panel_width;
  shape.rhs_columns_contiguous = form.rhs_columns_contiguous;
  shape.one_depth_axis = form.depth_axes == 1;
  return shape;
}

}  // namespace sinter::backend
