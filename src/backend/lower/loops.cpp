// Kind `loops`: every result element is a formula over operand elements.
#include "backend/lower/body_writer.h"
#include "backend/lower/lower_fusion.h"
#include "backend/lower/transposed_loops.h"

namespace sinter::backend {
namespace {

using loop::LoopKind;

/// All accesses are at the element's own position, so the axes do not matter.
bool is_flat(const ir::Graph& body, const Shape& domain) {
  const auto fits = [&](ir::Value value) { return body.type(value).shape == domain || body.type(value).shape.rank() == 0; };
  for (int32_t i = 0; i < body.argument_count(); ++i)
    if (!fits(body.argument(i))) return false;
  for (const ir::Node& node : body.nodes()) {
    if (!fits(node.results[0])) return false;
    if (const auto* index = std::get_if<ir::Index>(&node.op->lowering)) {
      const bool scalar = body.type(node.results[0]).shape.rank() == 0;
      const bool fine = index->kind == ir::Index::Kind::kConstant || index->kind == ir::Index::Kind::kRandomBits ||
                        (index->kind == ir::Index::Kind::kGenerate && scalar);
      if (!fine) return false;
    }
    if (std::holds_alternative<ir::View>(node.op->lowering) && body.type(node.operands[0]).shape.rank() != 0) return false;
  }
  return true;
}

void make_flat(KernelBuilder& builder, const FusionRequest& request, const Shape& domain) {
  const Shape flat{domain.element_count()};
  for (int32_t i = 0; i < request.body.argument_count(); ++i)
    if (request.body.type(request.body.argument(i)).shape == domain) builder.reshape_buffer(request.buffers.arguments[static_cast<size_t>(i)], flat);
  for (const int32_t buffer : request.buffers.results) builder.reshape_buffer(buffer, flat);
}

/// Elements of the last axis within which views read neighbours: where one joins shorter axes into it (heads of attention that are merged), those
/// of the shortest of them. Vectors that stay within such a run need no gather.
int64_t run_length(const ir::Graph& body, const Shape& domain, int lanes) {
  const size_t last = domain.rank() - 1;
  const auto columns = domain[last].as_constant();
  if (!columns) return 0;
  const bool one_tile = *columns <= 2 * kTileElements && last > 0;
  int64_t run = *columns;
  for (const ir::Node& node : body.nodes()) {
    if (!std::holds_alternative<ir::View>(node.op->lowering)) continue;
    const Shape &to = body.type(node.results[0]).shape, &from = body.type(node.operands[0]).shape;
    if (to != domain || from.rank() <= to.rank() || from.element_count() != to.element_count()) continue;
    const auto part = from[from.rank() - 1].as_constant();
    if (part && *part >= lanes && run % *part == 0 && (one_tile || kTileElements % *part == 0)) run = *part;
  }
  return run < *columns ? run : 0;
}

/// Vector loops over `extent` elements starting at `start` of the last axis, `run` at a time unless that is 0.
void vector_stores(KernelBuilder& builder, BodyWriter& writer, const FusionRequest& request, std::vector<Dim> outer, const Dim& start, const Dim& extent,
                   int64_t run) {
  const auto store = [&](const Dim& first, const Dim& count) {
    const std::string j = builder.fresh("j");
    builder.set_bound(j, count);
    std::vector<Dim> index = outer;
    index.push_back(first + Dim::symbol(j));
    loop::Body body;
    writer.enter(body);
    for (size_t i = 0; i < request.buffers.results.size(); ++i) writer.store_result(i, index);
    writer.leave();
    return make_loop(builder, j, count, LoopKind::kVector, body_lanes(builder, request.body), std::move(body));
  };
  if (run == 0) {
    writer.here().push_back(store(start, extent));
    return;
  }
  const std::string g = builder.fresh("g");
  const Dim runs = floor_div(extent, run);
  builder.set_bound(g, runs);
  loop::Body body;
  writer.enter(body);
  body.push_back(store(start + Dim::symbol(g) * run, run));
  writer.leave();
  writer.here().push_back(make_loop(builder, g, runs, LoopKind::kSerial, 1, std::move(body)));
}

}  // namespace

Section lower_loops(KernelBuilder& builder, const FusionRequest& request) {
  Shape domain = request.body.type(request.body.results()[0]).shape;
  const bool flat = is_flat(request.body, domain);
  if (!flat)
    if (std::optional<Section> blocks = lower_transposed_loops(builder, request)) return std::move(*blocks);
  BodyWriter writer(builder, request.body, request.buffers);
  Section section;
  writer.stream_results();
  writer.enter(section.body);
  if (domain.rank() == 0) {
    for (size_t i = 0; i < request.buffers.results.size(); ++i) writer.store_result(i, {});
    section.tiles = 1;
    return section;
  }
  if (flat) {
    make_flat(builder, request, domain);
    writer.set_flat(domain);
    domain = Shape{domain.element_count()};
  }
  const size_t last = domain.rank() - 1;
  const Dim& columns = domain[last];
  const Dim rows = domain.element_count(0, last);
  const int64_t run = flat ? 0 : run_length(request.body, domain, body_lanes(builder, request.body));
  if (columns.is_constant() && columns.constant() <= 2 * kTileElements && last > 0) {
    const int64_t rows_per_tile = std::max<int64_t>(1, kTileElements / std::max<int64_t>(1, columns.constant()));
    section.tiles = ceil_div(rows, rows_per_tile);
    const std::string r = builder.fresh("r");
    const Dim count = min(rows_per_tile, rows - request.tile * rows_per_tile);
    builder.set_bound(r, rows_per_tile);
    loop::Body body;
    writer.enter(body);
    vector_stores(builder, writer, request, delinearize(request.tile * rows_per_tile + Dim::symbol(r), domain, 0, last), 0, columns, run);
    writer.leave();
    section.body.push_back({loop::For{r, count, LoopKind::kSerial, 1, std::move(body)}});
    return section;
  }
  const Dim chunks = ceil_div(columns, kTileElements);
  section.tiles = rows * chunks;
  const Dim row = last == 0 ? Dim(0) : floor_div(request.tile, chunks);
  const Dim chunk = last == 0 ? request.tile : mod(request.tile, chunks);
  const Dim start = chunk * kTileElements;
  vector_stores(builder, writer, request, delinearize(row, domain, 0, last), start, min(kTileElements, columns - start), run);
  return section;
}

}  // namespace sinter::backend
