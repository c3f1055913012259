#include "backend/lower/lower_fusion.h"
#include "backend/lower/stages.h"

#include <algorithm>

namespace sinter::backend {

namespace {

/// No result has an element, whatever the symbols are.
bool is_empty(const ir::Graph& body) {
  return std::all_of(body.results().begin(), body.results().end(), [&](ir::Value value) { return body.type(value).shape.element_count() == Dim(0); });
}

}  // namespace

Section lower_fusion(std::string_view kind, KernelBuilder& builder, const FusionRequest& request) {
  if (is_empty(request.body)) return {0, {}};
  if (kind == "loops") return lower_loops(builder, request);
  if (kind == "rows") return lower_rows(builder, request);
  if (kind == "columns") return lower_columns(builder, request);
  if (kind == "contract") return lower_contract(builder, request);
  if (kind == "convolution") return lower_convolution(builder, request);
  if (kind == "window") return lower_window(builder, request);
  if (kind == "stages") return lower_stages(builder, request);
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
  if (extent == Dim(1)) kind = loop::LoopKind::kSerial, lanes = 1;
  return {loop::For{std::move(variable), std::move(extent), kind, lanes, std::move(body)}};
}

}  // namespace sinter::backend
