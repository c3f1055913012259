#include "backend/lower/lower_fusion.h"

namespace sinter::backend {

Section lower_fusion(std::string_view kind, KernelBuilder& builder, const FusionRequest& request) {
  if (kind == "loops") return lower_loops(builder, request);
  if (kind == "rows") return lower_rows(builder, request);
  if (kind == "columns") return lower_columns(builder, request);
  if (kind == "contract") return lower_contract(builder, request);
  if (kind == "scatter") return lower_scatter(builder, request);
  SINTER_CHECK(false, "unknown fusion kind " + std::string(kind));
}

int body_lanes(const KernelBuilder& builder, const ir::Graph& body) {
  for (int32_t id = 0; id < body.value_count(); ++id) {
    const DType dtype = body.type({id}).dtype;
    if (dtype != DType::kBool && size_in_bytes(dtype) <= 4) return builder.lanes(DType::kF32);
  }
  return builder.lanes(DType::kF64);
}

loop::Statement make_loop(KernelBuilder& builder, std::string variable, Dim extent, loop::LoopKind kind, int lanes, loop::Body body) {
  builder.set_bound(variable, extent);
  return {loop::For{std::move(variable), std::move(extent), kind, lanes, std::move(body)}};
}

}  // namespace sinter::backend
