#include "backend/contract_packing.h"

#include "backend/lower/contract_form.h"

namespace sinter::backend {

int64_t panel_width(const ir::Node& contract, const ir::Graph& graph, const Target& target) {
  const ContractForm form = contract_form(contract, graph);
  return wanted_panel_width(contract_shape(form, graph.type(contract.results[0]).dtype), target);
}

}  // namespace sinter::backend
