// Lowering: a fused body becomes tiles of a loop kernel. One file per fusion kind (docs/fusion_kinds.md).
#pragma once

#include <string_view>

#include "backend/lower/kernel_builder.h"
#include "ir/op_def.h"

namespace sinter::backend {

struct FusionRequest {
  const ir::Graph& body;
  const BodyBuffers& buffers;
  Dim tile;               // the section's own tile number, as the kernel sees it
  int64_t row_block = 0;  // rows of a contract or of kind rows that one tile takes (all their columns may be several tiles); 0: as it likes
};

/// Lowers a fusion of `kind` (any but `parallel`).
Section lower_fusion(std::string_view kind, KernelBuilder& builder, const FusionRequest& request);

Section lower_loops(KernelBuilder& builder, const FusionRequest& request);
Section lower_rows(KernelBuilder& builder, const FusionRequest& request);
Section lower_columns(KernelBuilder& builder, const FusionRequest& request);
Section lower_contract(KernelBuilder& builder, const FusionRequest& request);
Section lower_scatter(KernelBuilder& builder, const FusionRequest& request);
Section lower_convolution(KernelBuilder& builder, const FusionRequest& request);
Section lower_window(KernelBuilder& builder, const FusionRequest& request);

/// Elements that one tile of a streaming loop covers: small enough for L1, large enough to pay for handing it out.
inline constexpr int64_t kTileElements = 4096;

/// The lanes to compute a body with: those of f32, or of 8-byte elements when nothing narrower is computed.
int body_lanes(const KernelBuilder& builder, const ir::Graph& body);

/// Wraps `body` in `for variable in 0 .. extent-1` and remembers the bound. A loop of the constant extent 1 stays a loop, of one lane: with the bound its
/// variable may have vanished from the indices (the emitter drops the loop).
loop::Statement make_loop(KernelBuilder& builder, std::string variable, Dim extent, loop::LoopKind kind, int lanes, loop::Body body);

}  // namespace sinter::backend
