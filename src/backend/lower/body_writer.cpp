#include "backend/lower/body_writer.h"

#include <cstring>

namespace sinter::backend {
namespace {

using loop::ExpressionRef;

/// Bytes of a result of which no cache would keep much until it is read: with an operand of that size, three quarters of what the last level of a
/// server's core complex has, where others' lines are too.
constexpr int64_t kStreamBeyond = 12 << 20;

ExpressionRef constant_element(const Tensor& value, int64_t position) {
  if (value.dtype() == DType::kU64) return loop::integer_constant(DType::kU64, static_cast<int64_t>(value.data<uint64_t>()[position]));  // its bits
  return is_float(value.dtype()) ? loop::constant(value.dtype(), value.get(position))
                                 : loop::integer_constant(value.dtype(), value.get_integer(position));
}

/// Applies after constants took the dtype of their first sibling that is not one.
ExpressionRef apply_body(const ScalarBody::Node& node, const std::vector<ExpressionRef>& operands, DType result) {
  std::vector<ExpressionRef> arguments(node.args.size());
  const bool is_select = node.op == ScalarOp::kSelect;
  DType dtype = result;
  for (size_t i = node.args.size(); i > 0; --i) {
    const size_t at = i - 1;
    if (node.args[at].node().kind == ScalarBody::Kind::kConstant) continue;
    arguments[at] = instantiate(node.args[at], operands, result);
    if (!(is_select && at == 0)) dtype = arguments[at]->dtype;
  }
  for (size_t i = 0; i < arguments.size(); ++i)
    if (!arguments[i]) arguments[i] = loop::constant(is_select && i == 0 ? DType::kBool : dtype, node.args[i].node().constant);
  if (node.op == ScalarOp::kCast) return loop::cast(arguments[0], node.cast.value_or(result));
  if (node.op == ScalarOp::kBitcast) return loop::bitcast(arguments[0], node.cast.value_or(result));
  return loop::apply(node.op, std::move(arguments));
}

}  // namespace

ExpressionRef instantiate(const ScalarBody& body, const std::vector<ExpressionRef>& operands, DType result) {
  const ScalarBody::Node& node = body.node();
  switch (node.kind) {
    case ScalarBody::Kind::kOperand: return operands[static_cast<size_t>(node.operand)];
    case ScalarBody::Kind::kConstant: return loop::constant(result, node.constant);
    case ScalarBody::Kind::kApply: return apply_body(node, operands, result);
  }
  SINTER_CHECK(false, "unknown kind of scalar body");
}

BodyWriter::BodyWriter(KernelBuilder& builder, const ir::Graph& body, const BodyBuffers& buffers)
    : builder_(builder), graph_(body), buffers_(buffers), uses_(body.use_counts()) {}

void BodyWriter::enter(loop::Body& body) { scopes_.push_back({&body, {}}); }
void BodyWriter::leave() { scopes_.pop_back(); }

void BodyWriter::bind(ir::Value value, const std::vector<Dim>& index, ExpressionRef expression) {
  scopes_.back().known[{value.id, index}] = std::move(expression);
}

ExpressionRef BodyWriter::value_at(ir::Value value, const std::vector<Dim>& index) {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    const auto found = scope->known.find({value.id, index});
    if (found != scope->known.end()) return found->second;
  }
  ExpressionRef result = compute(value, index);
  if (guard_depth_ > 0) return result;
  if (uses_[static_cast<size_t>(value.id)] > 1) result = name_here(std::move(result));
  bind(value, index, result);
  return result;
}

void BodyWriter::precompute(ir::Value value, const std::vector<Dim>& index) {
  const ExpressionRef named = name_here(value_at(value, index));
  bind(value, index, named);
}

ExpressionRef BodyWriter::name_here(ExpressionRef expression) {
  const bool trivial = expression->kind == loop::Expression::Kind::kConstant || expression->kind == loop::Expression::Kind::kName ||
                       expression->kind == loop::Expression::Kind::kIndex;
  if (trivial) return expression;
  const std::string name = builder_.fresh("v");
  const DType dtype = expression->dtype;
  here().push_back({loop::Let{name, std::move(expression)}});
  return loop::named(name, dtype);
}

ExpressionRef BodyWriter::compute(ir::Value value, const std::vector<Dim>& index) {
  const auto source = sources_.find(value.id);
  if (source != sources_.end()) return source->second(index);
  const TensorType& type = graph_.type(value);
  if (graph_.is_argument(value)) return loop::load(buffers_.arguments[static_cast<size_t>(value.id)], type.dtype, index);
  const ir::Node& node = *graph_.producer(value);
  if (const auto* elementwise = std::get_if<ir::Elementwise>(&node.op->lowering)) {
    std::vector<ExpressionRef> operands;
    for (const ir::Value operand : node.operands)
      operands.push_back(value_at(operand, graph_.type(operand).shape.rank() == 0 ? std::vector<Dim>{} : index));
    return instantiate(elementwise->body, operands, type.dtype);
  }
  if (const auto* lowering = std::get_if<ir::View>(&node.op->lowering)) return view(node, *lowering, index);
  if (const auto* lowering = std::get_if<ir::Index>(&node.op->lowering)) return index_node(node, *lowering, index);
  SINTER_CHECK(false, "no element of a " + node.op->name + " can be computed alone");
}

ir::AccessRequest BodyWriter::access_request(const ir::Node& node, const std::vector<Dim>& index) {
  operand_types_.clear();
  for (const ir::Value operand : node.operands) operand_types_.push_back(graph_.type(operand));
  return {operand_types_, graph_.type(node.results[0]), node.attributes, index, *node.op};
}

ExpressionRef BodyWriter::view(const ir::Node& node, const ir::View& lowering, const std::vector<Dim>& index) {
  if (is_flat_ && graph_.type(node.operands[0]).shape.rank() == 0) return value_at(node.operands[0], {});
  SINTER_CHECK(!is_flat_ || graph_.type(node.results[0]).shape.rank() == 0, "a flat body has no views of axes");
  std::vector<ir::Piece> pieces = lowering.pieces(access_request(node, index));
  SINTER_CHECK(!pieces.empty(), "a view without a source");
  for (ir::Piece& piece : pieces)
    for (Dim& dim : piece.index) dim = simplify(dim, builder_.bounds());
  // The last piece needs no guard: an index always has a source.
  const bool several = pieces.size() > 1;
  guard_depth_ += several;
  const auto element = [&](const ir::Piece& piece) { return value_at(node.operands[static_cast<size_t>(piece.operand)], piece.index); };
  ExpressionRef result = element(pieces.back());
  for (size_t i = pieces.size() - 1; i > 0; --i) {
    std::vector<loop::Range> ranges;
    for (const ir::Guard& guard : pieces[i - 1].guards) ranges.push_back({guard.value, guard.lower, guard.upper});
    result = loop::guarded(std::move(ranges), element(pieces[i - 1]), result);
  }
  guard_depth_ -= several;
  return result;
}

Dim BodyWriter::check_index(const ir::Node& node, ExpressionRef value, Dim upper) {
  SINTER_CHECK(guard_depth_ == 0, "a checked index under a guard");
  const std::string variable = builder_.fresh("x");
  builder_.set_bound(variable, upper);
  const int32_t site = builder_.add_failure_site(node.name.empty() ? node.op->name : node.name);
  here().push_back({loop::CheckedIndex{variable, std::move(value), std::move(upper), site}});
  return Dim::symbol(variable);
}

ExpressionRef BodyWriter::index_node(const ir::Node& node, const ir::Index& lowering, const std::vector<Dim>& index) {
  const TensorType& type = graph_.type(node.results[0]);
  switch (lowering.kind) {
    case ir::Index::Kind::kGenerate: {
      const Dim value = simplify(lowering.generate(access_request(node, index)), builder_.bounds());
      return loop::cast(loop::index_value(value), type.dtype);
    }
    case ir::Index::Kind::kConstant: {
      const Tensor& value = ir::get_attribute<Tensor>(*node.op, node.attributes, "value");
      SINTER_CHECK(value.size() == 1, "constants of several elements are buffers");
      return constant_element(value, 0);
    }
    case ir::Index::Kind::kGather: {
      const auto axis = static_cast<size_t>(ir::get_attribute<int64_t>(*node.op, node.attributes, "axis"));
      const Shape& data = graph_.type(node.operands[0]).shape;
      const size_t rank = graph_.type(node.operands[1]).shape.rank();
      const auto from = index.begin() + static_cast<std::ptrdiff_t>(axis);
      const Dim position = check_index(node, value_at(node.operands[1], {from, from + static_cast<std::ptrdiff_t>(rank)}), data[axis]);
      std::vector<Dim> source(index.begin(), from);
      source.push_back(position);
      source.insert(source.end(), from + static_cast<std::ptrdiff_t>(rank), index.end());
      return value_at(node.operands[0], source);
    }
    case ir::Index::Kind::kPick: {
      const auto axis = static_cast<size_t>(ir::get_attribute<int64_t>(*node.op, node.attributes, "axis"));
      const Dim position = check_index(node, value_at(node.operands[1], index), graph_.type(node.operands[0]).shape[axis]);
      std::vector<Dim> source = index;
      source.insert(source.begin() + static_cast<std::ptrdiff_t>(axis), position);
      return value_at(node.operands[0], source);
    }
    case ir::Index::Kind::kRandomBits: {
      const Dim position = is_flat_ ? index[0] : simplify(linearize(index, type.shape), builder_.bounds());
      const int64_t stream = ir::get_attribute<int64_t>(*node.op, node.attributes, "stream");
      return loop::apply(ScalarOp::kRandomBits, {value_at(node.operands[0], {}), value_at(node.operands[1], {}),
                                                 loop::integer_constant(DType::kU32, stream), loop::index_value(position)});
    }
    case ir::Index::Kind::kScatterAdd: break;
  }
  SINTER_CHECK(false, "no element of a " + node.op->name + " can be computed alone");
}

bool BodyWriter::may_pass_caches(const TensorType& type) {
  const Dim bytes = byte_count(type);
  return !bytes.is_constant() || bytes.constant() > kStreamBeyond;
}

void BodyWriter::store_result(size_t result, const std::vector<Dim>& index) {
  ExpressionRef value = value_at(graph_.results()[result], index);
  const TensorType& type = graph_.type(graph_.results()[result]);
  const bool streams = streams_ && may_pass_caches(type);
  here().push_back({loop::Store{buffers_.results[result], index, std::move(value), streams ? kStreamBeyond : 0}});
}

}  // namespace sinter::backend
