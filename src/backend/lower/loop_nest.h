// Loops around what a lowering writes: names, bounds and scopes kept straight. Used by the lowerings of windows and convolutions.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "backend/lower/body_writer.h"
#include "backend/lower/lower_fusion.h"

namespace sinter::backend {

class LoopNest {
 public:
  LoopNest(KernelBuilder& builder, BodyWriter& writer) : builder_(builder), writer_(writer) {}

  /// for i in extent { write(i) }: nothing around it where the extent is 1. A symbol whose bounds are not known is no extent: `simplified` first.
  template <class Write> void serial(std::string_view stem, const Dim& extent, const Write& write) {
    if (extent == Dim(1)) return write(Dim(0));
    if (extent == Dim(0)) return;
    any(stem, extent, loop::LoopKind::kSerial, 1, write);
  }
  template <class Write> void vector(std::string_view stem, const Dim& extent, int lanes, const Write& write) {
    if (extent == Dim(0)) return;
    any(stem, extent, loop::LoopKind::kVector, lanes, write);
  }
  /// Statements of a scope of their own, around which nothing is: names of values end with it.
  template <class Write> void scope(const Write& write) {
    loop::Body body;
    writer_.enter(body);
    write();
    writer_.leave();
    for (loop::Statement& statement : body) here().push_back(std::move(statement));
  }
  /// if all hold { write() }
  template <class Write> void when(std::vector<loop::Range> ranges, const Write& write) {
    loop::If branch{std::move(ranges), {}, {}};
    writer_.enter(branch.then);
    write();
    writer_.leave();
    here().push_back({std::move(branch)});
  }

  void store(int32_t buffer, std::vector<Dim> index, loop::ExpressionRef value) {
    here().push_back({loop::Store{buffer, std::move(index), std::move(value)}});
  }
  Dim simplified(const Dim& dim) const { return simplify(dim, builder_.bounds()); }

 private:
  loop::Body& here() { return writer_.here(); }

  template <class Write> void any(std::string_view stem, const Dim& extent, loop::LoopKind kind, int lanes, const Write& write) {
    const std::string i = builder_.fresh(stem);
    builder_.set_bound(i, extent);
    loop::Body body;
    writer_.enter(body);
    write(Dim::symbol(i));
    writer_.leave();
    here().push_back(make_loop(builder_, i, extent, kind, lanes, std::move(body)));
  }

  KernelBuilder& builder_;
  BodyWriter& writer_;
};

/// Takes the lowest digit, of base `count`, off a tile number.
Dim split_tile(Dim& rest, const Dim& count);

}  // namespace sinter::backend
