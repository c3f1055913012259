#include "backend/contract_packing.h"

#include "backend/lower/contract_form.h"
#include "backend/lower/convolution.h"
#include "backend/schedule/convolution_schedule.h"

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

int64_t filter_width(const ir::Node& convolution, const ir::Graph& graph, const Target& target) {
  const ConvolutionForm form = convolution_form(convolution, graph);
  if (form.groups != Dim(1) || form.panel_width != 0 || !suits_tiles(form)) return 0;
  const int64_t width = convolution_tile(form.features.constant(), graph.type(convolution.results[0]).dtype, target).columns;
  return form.features.constant() > width ? width : 0;
}

}  // namespace sinter::backend
