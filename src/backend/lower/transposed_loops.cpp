#include "backend/lower/transposed_loops.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

#include "backend/lower/body_writer.h"

namespace sinter::backend {
namespace {

using loop::Expression;
using loop::ExpressionRef;

constexpr int64_t kBlockColumns = 64;       // 256 bytes of a row of f32: several lines of the cache
constexpr int64_t kBlockBytes = 16 << 10;   // of one block in scratch; two of them and their sources stay in the caches near the core

/// The factor of `symbol` in `dim` when that is linear in it, else nothing.
std::optional<Dim> coefficient(const Dim& dim, const std::string& symbol) {
  const Dim step = dim.substitute({{symbol, Dim::symbol(symbol) + 1}}) - dim;
  if (step.depends_on(symbol)) return std::nullopt;
  return step;
}

/// A block of an operand: its elements are at offset + column * stride + row.
struct Block {
  int32_t buffer;
  Dim offset, stride;
  bool operator<(const Block& other) const { return std::tie(buffer, offset, stride) < std::tie(other.buffer, other.offset, other.stride); }
};

class TransposedLoops {
 public:
  TransposedLoops(KernelBuilder& builder, const FusionRequest& request)
      : builder_(builder), request_(request), domain_(request.body.type(request.body.results()[0]).shape), last_(domain_.rank() - 1) {}

  /// False when the body reads nothing along another axis; the builder is spoilt then.
  bool write(Section& section) {
    for (size_t axis = 0; axis < domain_.rank(); ++axis) {
      axes_.push_back(builder_.fresh("i"));
      builder_.set_bound(axes_.back(), domain_[axis]);
      index_.push_back(Dim::symbol(axes_.back()));
    }
    BodyWriter writer(builder_, request_.body, request_.buffers);
    writer.stream_results();
    writer.enter(body_);
    for (size_t i = 0; i < request_.buffers.results.size(); ++i) writer.store_result(i, index_);
    writer.leave();
    if (!choose_axis()) return false;
    choose_sizes();
    place_tile(section);
    write_tile(section);
    return true;
  }

 private:
  // ---- what is read how ----

  /// Calls visit(load) for every load that is made for all elements.
  template <class Visit> void for_each_load(const ExpressionRef& e, const Visit& visit, std::set<const Expression*>& seen) const {
    if (e->kind == Expression::Kind::kGuarded || !seen.insert(e.get()).second) return;
    if (e->kind == Expression::Kind::kLoad) visit(*e);
    for (const ExpressionRef& argument : e->arguments) for_each_load(argument, visit, seen);
  }
  template <class Visit> void for_each_load(const Visit& visit) const {
    std::set<const Expression*> seen;
    for (const loop::Statement& statement : body_) {
      if (const auto* let = std::get_if<loop::Let>(&statement.node)) for_each_load(let->value, visit, seen);
      if (const auto* store = std::get_if<loop::Store>(&statement.node)) for_each_load(store->value, visit, seen);
      if (const auto* checked = std::get_if<loop::CheckedIndex>(&statement.node)) for_each_load(checked->value, visit, seen);
    }
  }

  /// The block that `load` reads when `axis` runs along its memory and the last axis strides over it.
  std::optional<Block> block_of(const Expression& load, size_t axis) const {
    const Dim position = linearize(load.indices, builder_.buffer(load.buffer).shape);
    const std::optional<Dim> stride = coefficient(position, axes_[last_]), along = coefficient(position, axes_[axis]);
    if (!stride || !along || *along != Dim(1) || *stride == Dim(0) || *stride == Dim(1)) return std::nullopt;
    Block block{load.buffer, position.substitute({{axes_[last_], 0}, {axes_[axis], 0}}), *stride};
    std::set<std::string> used;
    block.offset.collect_symbols(used);
    block.stride.collect_symbols(used);
    for (const loop::Statement& statement : body_) {
      const auto* checked = std::get_if<loop::CheckedIndex>(&statement.node);
      if (checked && used.contains(checked->variable)) return std::nullopt;
    }
    if (used.contains(axes_[axis]) || used.contains(axes_[last_])) return std::nullopt;
    return block;
  }

  /// The axis that most operands lie along.
  bool choose_axis() {
    size_t most = 0;
    for (size_t axis = 0; axis < last_; ++axis) {
      size_t count = 0;
      if (domain_[axis] != Dim(1)) for_each_load([&](const Expression& load) { count += block_of(load, axis).has_value(); });
      if (count <= most) continue;
      most = count;
      axis_ = axis;
    }
    return most > 0;
  }

  // ---- tiles ----

  void choose_sizes() {
    size_t widest = 1;
    for_each_load([&](const Expression& load) {
      if (block_of(load, axis_)) widest = std::max(widest, size_in_bytes(load.dtype));
    });
    const auto known = [](const Dim& size, int64_t most) { return size.is_constant() ? std::clamp<int64_t>(size.constant(), 1, most) : most; };
    width_ = known(domain_[last_], kBlockColumns);
    height_ = known(domain_[axis_], std::max<int64_t>(1, kBlockBytes / static_cast<int64_t>(widest) / width_));
  }

  /// tile -> (the other axes, block of the transposed axis, block of the last one).
  void place_tile(Section& section) {
    const Dim across = ceil_div(domain_[last_], width_), down = ceil_div(domain_[axis_], height_);
    std::vector<Dim> others;
    for (size_t axis = 0; axis < last_; ++axis)
      if (axis != axis_) others.push_back(domain_[axis]);
    const Shape outer{others};
    section.tiles = outer.element_count() * down * across;
    Dim rest = request_.tile;
    const auto split = [&](const Dim& count, bool is_last) {
      if (count == Dim(1)) return Dim(0);
      const Dim part = is_last ? rest : mod(rest, count);
      if (!is_last) rest = floor_div(rest, count);
      return part;
    };
    first_column_ = split(across, false) * width_;
    first_row_ = split(down, others.empty()) * height_;
    const std::vector<Dim> place = delinearize(rest, outer, 0, outer.rank());
    size_t next = 0;
    for (size_t axis = 0; axis < last_; ++axis)
      if (axis != axis_) places_[axes_[axis]] = place[next++];
    rows_ = min(height_, domain_[axis_] - first_row_);
    columns_ = min(width_, domain_[last_] - first_column_);
  }

  void write_tile(Section& section) {
    const std::string row = builder_.fresh("r"), column = builder_.fresh("j");
    row_ = Dim::symbol(row), column_ = Dim::symbol(column);
    places_[axes_[axis_]] = first_row_ + row_;
    places_[axes_[last_]] = first_column_ + column_;
    loop::Body inside;
    for (const loop::Statement& statement : body_) inside.push_back(std::visit([&](const auto& node) { return rewritten(node); }, statement.node));
    for (const auto& [block, scratch] : blocks_) {
      loop::Transpose t;
      t.to = scratch;
      t.row_stride = width_;
      t.from = block.buffer;
      t.column_stride = block.stride.substitute(places_);
      t.from_offset = block.offset.substitute(places_) + first_column_ * t.column_stride + first_row_;
      t.rows = rows_;
      t.columns = columns_;
      section.body.push_back({std::move(t)});
    }
    const int lanes = body_lanes(builder_, request_.body);
    loop::Body line;
    line.push_back(make_loop(builder_, column, columns_, loop::LoopKind::kVector, lanes, std::move(inside)));
    section.body.push_back(make_loop(builder_, row, rows_, loop::LoopKind::kSerial, 1, std::move(line)));
  }

  // ---- the body with blocks in place of operands, and the tile's place in place of the axes ----

  std::vector<Dim> placed(const std::vector<Dim>& indices) const {
    std::vector<Dim> result;
    for (const Dim& index : indices) result.push_back(index.substitute(places_));
    return result;
  }

  loop::Statement rewritten(const loop::Let& s) { return {loop::Let{s.name, rewritten(s.value)}}; }
  loop::Statement rewritten(const loop::Store& s) { return {loop::Store{s.buffer, placed(s.indices), rewritten(s.value), s.stream_beyond}}; }
  loop::Statement rewritten(const loop::CheckedIndex& s) {
    return {loop::CheckedIndex{s.variable, rewritten(s.value), s.upper.substitute(places_), s.site}};
  }
  template <class Other> loop::Statement rewritten(const Other&) { SINTER_CHECK(false, "a chain with a loop of its own"); }

  ExpressionRef rewritten(const ExpressionRef& e, bool guarded = false) {
    auto& done = guarded ? guarded_ : unguarded_;
    const auto found = done.find(e.get());
    if (found != done.end()) return found->second;
    ExpressionRef result = compute(e, guarded || e->kind == Expression::Kind::kGuarded);
    done.emplace(e.get(), result);
    return result;
  }

  ExpressionRef compute(const ExpressionRef& e, bool guarded) {
    if (e->kind == Expression::Kind::kLoad && !guarded) {
      if (const std::optional<Block> block = block_of(*e, axis_)) return loop::load(scratch_of(*block, e->dtype), e->dtype, {row_ * width_ + column_});
    }
    Expression copy = *e;
    copy.index = e->index.substitute(places_);
    copy.indices = placed(e->indices);
    for (loop::Range& range : copy.ranges)
      for (Dim* dim : {&range.value, &range.lower, &range.upper}) *dim = dim->substitute(places_);
    for (ExpressionRef& argument : copy.arguments) argument = rewritten(argument, guarded);
    return std::make_shared<const Expression>(std::move(copy));
  }

  int32_t scratch_of(const Block& block, DType dtype) {
    const auto found = blocks_.find(block);
    if (found != blocks_.end()) return found->second;
    const int32_t scratch = builder_.add_scratch(dtype, width_ * height_);
    blocks_.emplace(block, scratch);
    return scratch;
  }

  KernelBuilder& builder_;
  const FusionRequest& request_;
  const Shape domain_;
  const size_t last_;
  size_t axis_ = 0;                // the operands' memory runs along it
  std::vector<std::string> axes_;  // symbols of a result element's index, replaced by `places_` in the end
  std::vector<Dim> index_;
  loop::Body body_;
  int64_t width_ = 1, height_ = 1;  // of a block
  Dim first_row_, first_column_, rows_, columns_, row_, column_;
  DimMap places_;
  std::map<Block, int32_t> blocks_;
  std::unordered_map<const Expression*, ExpressionRef> guarded_, unguarded_;
};

}  // namespace

std::optional<Section> lower_transposed_loops(KernelBuilder& builder, const FusionRequest& request) {
  const Shape& domain = request.body.type(request.body.results()[0]).shape;
  if (domain.rank() < 2 || domain[domain.rank() - 1] == Dim(1)) return std::nullopt;
  KernelBuilder trial = builder;
  Section section;
  if (!TransposedLoops(trial, request).write(section)) return std::nullopt;
  builder = std::move(trial);
  return section;
}

}  // namespace sinter::backend
