#include "backend/contract_packing.h"

#include "backend/lower/contract_form.h"
#include "backend/schedule/contract_schedule.h"

namespace sinter::backend {

int64_t panel_width(const ir::Node& contract, const ir::Graph& graph, const Target& target) {
  const ContractForm form = contract_form(contract, graph);
  return wanted_panel_width({form.batch, form.rows, form.columns, form.depth, graph.type(contract.results[0]).dtype, form.lhs_depth_contiguous,
                             form.panel_width, form.rhs_columns_contiguous},
                            target);
}

}  // namespace sinter::backend
