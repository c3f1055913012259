#include "backend/contract_packing.h"

#include "backend/lower/contract_form.h"

namespace sinter::backend {

int64_t panel_width(const ir::Node& contract, const ir::Graph& graph, const Target& target) {
  const ContractForm form = contract_form(contract, graph);
  return wanted_panel_width(contract_shape(form, graph.type(contract.results[0]).dtype), target);
}

GroupPacking group_packing(const Dim& rows, const Dim& columns, const Dim& depth, DType sums, int group, const Target& target) {
  ContractShape shape;
  shape.rows = rows, shape.columns = columns, shape.depth = ceil_div(depth, group);
  shape.dtype = sums;
  shape.group = group;
  return {register_columns(shape, target), target.has_narrow_products};
}

}  // namespace sinter::backend
