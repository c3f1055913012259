// Kind `stages`: fusions one after another on the same block of rows. What passes from one to a later one alone is scratch of one block;
// each stage is lowered as a kernel of its own would be, and then finds those values there.
#include "backend/lower/stages.h"

#include <algorithm>
#include <map>
#include <set>

namespace sinter::backend {
namespace {

using loop::ExpressionRef;

/// Rows of a value between stages: all axes but the last, or all of them when it is one number per row.
Dim row_count(const Shape& shape, size_t row_axes) { return shape.element_count(0, row_axes); }

/// A value between stages: where it lies in scratch, and the shape that lowering addresses it by.
struct Held {
  Shape shape;
  Dim first;  // position in the whole value of what is held
};

/// Rewrites accesses to held values: their one axis is the position within the block.
class Redirect {
 public:
  Redirect(const std::map<int32_t, Held>& held, const DimMap& bounds) : held_(held), bounds_(bounds) {}

  void apply(loop::Body& body) const {
    for (loop::Statement& statement : body) std::visit([&](auto& node) { at(node); }, statement.node);
  }

 private:
  void at(loop::For& s) const { apply(s.body); }
  void at(loop::Let& s) const { s.value = redirected(s.value); }
  void at(loop::Declare& s) const { s.initial = redirected(s.initial); }
  void at(loop::Update& s) const { s.value = redirected(s.value); }
  void at(loop::Assign& s) const { s.value = redirected(s.value); }
  void at(loop::CheckedIndex& s) const { s.value = redirected(s.value); }
  void at(loop::If& s) const { apply(s.then), apply(s.otherwise); }
  void at(loop::Store& s) const {
    s.value = redirected(s.value);
    redirect(s.buffer, s.indices);
    if (held_.contains(s.buffer)) s.stream_beyond = 0;
  }
  void at(loop::Prefetch& s) const { redirect(s.buffer, s.indices); }
  void at(loop::Contract& s) const { shift(s.a.buffer, s.a.offset), shift(s.b.buffer, s.b.offset), shift(s.c, s.c_offset), shift(s.ahead, s.ahead_offset); }
  void at(loop::Transpose& s) const { shift(s.to, s.offset), shift(s.from, s.from_offset); }

  void redirect(int32_t buffer, std::vector<Dim>& indices) const {
    const auto held = held_.find(buffer);
    if (held != held_.end()) indices = {simplify(linearize(indices, held->second.shape) - held->second.first, bounds_)};
  }

  void shift(int32_t buffer, Dim& offset) const {
    const auto held = held_.find(buffer);
    if (held != held_.end()) offset = simplify(offset - held->second.first, bounds_);
  }

  ExpressionRef redirected(const ExpressionRef& expression) const {
    if (!expression) return expression;
    const bool here = expression->kind == loop::Expression::Kind::kLoad && held_.contains(expression->buffer);
    if (expression->arguments.empty() && !here) return expression;
    loop::Expression changed = *expression;
    for (ExpressionRef& argument : changed.arguments) argument = redirected(argument);
    if (here) redirect(changed.buffer, changed.indices);
    return std::make_shared<const loop::Expression>(std::move(changed));
  }

  const std::map<int32_t, Held>& held_;
  const DimMap& bounds_;
};

class StageWriter {
 public:
  StageWriter(KernelBuilder& builder, const FusionRequest& request) : builder_(builder), request_(request), body_(request.body) {
    const ir::Graph& first = body_.nodes()[0].regions[0];
    row_axes_ = row_axes(body_.nodes()[0]);
    for (const ir::Value result : first.results()) rows_ = row_count(first.type(result).shape, row_axes_);
    for (int32_t i = 0; i < body_.argument_count(); ++i) buffer_[i] = request.buffers.arguments[static_cast<size_t>(i)];
    for (size_t i = 0; i < body_.results().size(); ++i) buffer_[body_.results()[i].id] = request.buffers.results[i];
  }

  Section write() {
    for (const ir::Node& stage : body_.nodes())
      for (const ir::Value value : stage.results) hold(value);
    Section section;
    section.tiles = ceil_div(rows_, request_.row_block);
    for (const ir::Node& stage : body_.nodes()) write_stage(stage, section.body);
    return section;
  }

 private:
  /// The axes that all stages go along row by row: those of a contraction's result, or of what is reduced, but the last.
  static size_t row_axes(const ir::Node& stage) {
    size_t rank = 0;
    const ir::Graph& body = stage.regions[0];
    for (const ir::Node& node : body.nodes()) {
      if (std::holds_alternative<ir::Contract>(node.op->lowering)) rank = body.type(node.results[0]).shape.rank();
      if (std::holds_alternative<ir::Reduce>(node.op->lowering)) rank = body.type(node.operands[0]).shape.rank();
    }
    SINTER_CHECK(rank >= 2, "a stage goes along rows");
    return rank - 1;
  }

  /// A value that is no result of the kernel lives in scratch, a block of it.
  void hold(ir::Value value) {
    if (buffer_.contains(value.id)) return;
    const TensorType& type = body_.type(value);
    const int64_t width = type.shape.element_count(row_axes_, type.shape.rank()).constant();
    const auto known = rows_.as_constant();
    const int64_t rows = known ? std::min(*known, request_.row_block) : request_.row_block;
    const int32_t scratch = builder_.add_scratch(type.dtype, std::max<int64_t>(1, rows * width));
    buffer_[value.id] = scratch;
    held_[scratch] = {type.shape, request_.tile * (request_.row_block * width)};
  }

  void write_stage(const ir::Node& stage, loop::Body& body) {
    BodyBuffers buffers;
    for (const ir::Value value : stage.operands) buffers.arguments.push_back(buffer_.at(value.id));
    for (const ir::Value value : stage.results) buffers.results.push_back(buffer_.at(value.id));
    const std::string& kind = ir::get_attribute<std::string>(*stage.op, stage.attributes, "kind");
    const int64_t across = tiles_across(kind, stage.regions[0], buffers);
    const std::string p = builder_.fresh("p");
    builder_.set_bound(p, across);
    const Dim tile = across == 1 ? request_.tile : request_.tile * across + Dim::symbol(p);
    Section section = lower_fusion(kind, builder_, {stage.regions[0], buffers, tile, request_.row_block});
    Redirect(held_, builder_.bounds()).apply(section.body);
    if (across == 1) {
      body.insert(body.end(), section.body.begin(), section.body.end());
    } else {
      body.push_back({loop::For{p, across, loop::LoopKind::kSerial, 1, std::move(section.body)}});
    }
  }

  /// Tiles of a stage's own that one block of rows takes: those that lie side by side along the columns of a contraction.
  int64_t tiles_across(const std::string& kind, const ir::Graph& body, const BodyBuffers& buffers) {
    KernelBuilder trial = builder_;
    const Dim tiles = lower_fusion(kind, trial, {body, buffers, request_.tile, request_.row_block}).tiles;
    SymbolValues one;
    std::set<std::string> symbols;
    tiles.collect_symbols(symbols), rows_.collect_symbols(symbols);
    for (const std::string& symbol : symbols) one[symbol] = 1;
    const int64_t blocks = ceil_div(rows_, request_.row_block).evaluate(one);
    return blocks == 0 ? 1 : tiles.evaluate(one) / blocks;
  }

  KernelBuilder& builder_;
  const FusionRequest& request_;
  const ir::Graph& body_;
  size_t row_axes_ = 0;
  Dim rows_;
  std::map<int32_t, int32_t> buffer_;  // of values of the body
  std::map<int32_t, Held> held_;       // by buffer
};

}  // namespace

Section lower_stages(KernelBuilder& builder, const FusionRequest& request) { return StageWriter(builder, request).write(); }

}  // namespace sinter::backend
