#include "passes/check_fusions.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/error.h"
#include "ir/control_form.h"
#include "ir/op_def.h"

namespace sinter::passes {
namespace {

using ir::Graph;
using ir::Node;
using ir::Value;
using Position = std::vector<Dim>;

template <class Kind>
bool is(const Node& node) {
  return std::holds_alternative<Kind>(node.op->lowering);
}
bool is_index(const Node& node, ir::Index::Kind kind) {
  const auto* index = std::get_if<ir::Index>(&node.op->lowering);
  return index != nullptr && index->kind == kind;
}
bool is_anchor(const Node& node) { return is<ir::Contract>(node) || is<ir::Window>(node); }
bool is_convolution(const Node& node) { return is<ir::Window>(node) && ir::is_convolution(std::get<ir::Window>(node.op->lowering)); }
/// Partial results of blocks of rows.
bool is_blocks(const Node& node) { return is<ir::Reduce>(node) && std::get<ir::Reduce>(node.op->lowering).blocks; }
bool is_pointwise(const Node& node) {
  return is<ir::Elementwise>(node) || is<ir::View>(node) || (is<ir::Index>(node) && !is_index(node, ir::Index::Kind::kScatterAdd));
}

Position symbols(size_t rank, const std::string& stem) {
  Position position;
  for (size_t k = 0; k < rank; ++k) position.push_back(Dim::symbol(stem + std::to_string(k)));
  return position;
}

/// Follows what is read when an element is computed.
class Reader {
 public:
  explicit Reader(const Graph& body) : body_(body) {}

  /// The places at which reductions and contracts are read, and whether an index would be checked under a guard.
  std::vector<std::pair<const Node*, Position>> anchors;

  void read(Value value, const Position& position, bool guarded = false) {
    if (body_.is_argument(value) || !seen_.insert({value.id, position, guarded}).second) return;
    const Node& node = *body_.producer(value);
    const TensorType& type = body_.type(value);
    SINTER_CHECK(!is_blocks(node), "partial results of blocks are read by other kernels");
    if (is<ir::Reduce>(node) || is_anchor(node)) {
      anchors.push_back({&node, position});
    } else if (is<ir::Elementwise>(node)) {
      for (const Value operand : node.operands) read(operand, body_.type(operand).shape.rank() == 0 ? Position{} : position, guarded);
    } else if (const auto* view = std::get_if<ir::View>(&node.op->lowering)) {
      std::vector<TensorType> operands;
      for (const Value operand : node.operands) operands.push_back(body_.type(operand));
      const std::vector<ir::Piece> pieces = view->pieces({operands, type, node.attributes, position, *node.op});
      const bool guards =
          pieces.size() > 1 || std::any_of(pieces.begin(), pieces.end(), [](const ir::Piece& piece) { return !piece.guards.empty(); });
      for (const ir::Piece& piece : pieces) read(node.operands[static_cast<size_t>(piece.operand)], piece.index, guarded || guards);
    } else if (is_index(node, ir::Index::Kind::kGather) || is_index(node, ir::Index::Kind::kPick)) {
      SINTER_CHECK(!guarded, "rule 2: an index is checked under a guard");
      read_found(node, position);
    } else {
      for (const Value operand : node.operands) read(operand, {}, guarded);  // of rank 0
    }
  }

 private:
  void read_found(const Node& node, const Position& position) {
    const auto axis = ir::get_attribute<int64_t>(*node.op, node.attributes, "axis");
    const auto from = position.begin() + axis;
    Position data(position.begin(), from), index = position;
    data.push_back(Dim::symbol("?" + std::to_string(found_++)));
    const bool gather = is_index(node, ir::Index::Kind::kGather);
    const auto taken = gather ? static_cast<std::ptrdiff_t>(body_.type(node.operands[1]).shape.rank()) : 0;
    if (gather) index.assign(from, from + taken);
    data.insert(data.end(), from + taken, position.end());
    read(node.operands[1], index);
    read(node.operands[0], data);
  }

  const Graph& body_;
  std::set<std::tuple<int32_t, Position, bool>> seen_;
  int found_ = 0;
};

class BodyCheck {
 public:
  BodyCheck(const std::string& kind, const Graph& body) : kind_(kind), body_(body) {}

  void check() {
    check_buffers();
    for (const Node& node : body_.nodes())
      if (!is_pointwise(node)) heavy_.push_back(&node);
    if (kind_ == "loops") return check_loops();
    if (kind_ == "rows" || kind_ == "columns") return check_reductions();
    if (kind_ == "contract" || kind_ == "convolution" || kind_ == "window") return check_anchored();
    if (kind_ == "scatter") return check_scatter();
    SINTER_CHECK(false, "unknown kind " + kind_);
  }

 private:
  const Shape& shape(Value value) const { return body_.type(value).shape; }

  void check_buffers() const {
    std::set<int32_t> results;
    SINTER_CHECK(!body_.results().empty(), "a kernel without results");
    for (const Value result : body_.results()) {
      SINTER_CHECK(!body_.is_argument(result), "rule 1: an argument is a result");
      SINTER_CHECK(results.insert(result.id).second, "rule 1: a result stands twice");
    }
    const std::vector<int32_t> uses = body_.use_counts();
    for (const int32_t count : uses) SINTER_CHECK(count > 0, "a value of the body is not used");
    for (const Node& node : body_.nodes()) {
      if (!is_index(node, ir::Index::Kind::kConstant)) continue;
      SINTER_CHECK(ir::get_attribute<Tensor>(*node.op, node.attributes, "value").size() == 1, "a constant of several elements in a body");
    }
  }

  void check_loops() const {
    SINTER_CHECK(heavy_.empty(), "loops hold pointwise nodes only");
    Reader reader(body_);
    for (const Value result : body_.results()) {
      SINTER_CHECK(shape(result) == shape(body_.results()[0]), "results of loops have one shape");
      reader.read(result, symbols(shape(result).rank(), "i"));
    }
  }

  void check_scatter() const {
    SINTER_CHECK(body_.nodes().size() == 1 && is_index(body_.nodes()[0], ir::Index::Kind::kScatterAdd), "a scatter stands alone");
  }

  void check_anchored() const {
    const auto anchor = std::find_if(heavy_.begin(), heavy_.end(), [](const Node* node) { return is_anchor(*node); });
    SINTER_CHECK(anchor != heavy_.end(), "a body of kind " + kind_ + " holds such a node");
    SINTER_CHECK((kind_ == "contract") == is<ir::Contract>(**anchor) && (kind_ == "convolution") == is_convolution(**anchor), "the kind is the node's");
    for (const Value operand : (*anchor)->operands) SINTER_CHECK(body_.is_argument(operand), "operands of a " + kind_ + " are arguments");
    for (const Node* node : heavy_)
      SINTER_CHECK(node == *anchor || (kind_ == "contract" && is_sum_of_rhs(**anchor, *node)), "beside a contract only reductions of its second operand along the depth");
    const Value product = (*anchor)->results[0];
    const Position position = symbols(shape(product).rank(), "i");
    Reader reader(body_);
    for (const Value result : body_.results()) {
      if (const Node& maker = *body_.producer(result); is<ir::Reduce>(maker)) continue;
      SINTER_CHECK(shape(result) == shape(product), "results have the contract's shape");
      reader.read(result, position);
    }
    for (const auto& [node, at] : reader.anchors) SINTER_CHECK(is_anchor(*node), "reductions beside a contract are results");
    for (const auto& [node, at] : reader.anchors) SINTER_CHECK(at == position, "a contract is read element by element");
  }

  /// Reduces what the contract reads as [depth.., columns..], an argument, over all of the depth.
  bool is_sum_of_rhs(const Node& contract, const Node& reduce) const {
    if (!is<ir::Reduce>(reduce) || is_blocks(reduce) || std::get<ir::Reduce>(reduce.op->lowering).argument) return false;
    const auto rhs = [&](std::string_view name) { return ir::get_attribute<ir::Integers>(*contract.op, contract.attributes, name); };
    const ir::Integers axes = ir::get_attribute<ir::Integers>(*reduce.op, reduce.attributes, "axes");
    bool leading = true;
    for (size_t i = 0; i < axes.size(); ++i) leading = leading && axes[i] == static_cast<int64_t>(i);
    return leading && contract.op->name != "dot_panels" && reduce.operands[0] == contract.operands[1] && axes == rhs("rhs_contract") && rhs("rhs_batch").empty();
  }

  void check_reductions() const {
    const bool rows = kind_ == "rows";
    SINTER_CHECK(!heavy_.empty() && is<ir::Reduce>(*heavy_[0]), "a reduction");
    const Shape domain = shape(heavy_[0]->operands[0]);
    const ir::Integers axes = axes_of(*heavy_[0]);
    std::set<int64_t> blocks;
    for (const Node* node : heavy_) {
      SINTER_CHECK(is<ir::Reduce>(*node), "reductions and pointwise nodes only");
      SINTER_CHECK(shape(node->operands[0]) == domain && axes_of(*node) == axes, "one domain and the same axes");
      if (is_blocks(*node)) blocks.insert(ir::get_attribute<int64_t>(*node->op, node->attributes, "rows"));
    }
    SINTER_CHECK(blocks.size() <= 1, "one size of blocks");
    bool last = true;
    for (size_t i = 0; i < axes.size(); ++i) last = last && axes[i] == static_cast<int64_t>(domain.rank() - axes.size() + i);
    SINTER_CHECK(last == rows, "rows reduce the last axes, columns others");
    const Position element = symbols(domain.rank(), "i");
    Position row;
    Shape kept;
    for (size_t k = 0; k < domain.rank(); ++k)
      if (std::find(axes.begin(), axes.end(), static_cast<int64_t>(k)) == axes.end()) row.push_back(element[k]), kept.push_back(domain[k]);
    Reader operands(body_), results(body_);
    for (const Node* node : heavy_) operands.read(node->operands[0], element);
    for (const Value result : body_.results()) {
      if (!body_.is_argument(result) && is_blocks(*body_.producer(result))) continue;
      SINTER_CHECK(shape(result) == kept || (rows && shape(result) == domain), "results have the shape of the domain or of what is kept");
      results.read(result, shape(result) == domain ? element : row);
    }
    SINTER_CHECK(rows || blocks.empty(), "blocks are of rows");
    SINTER_CHECK(rows || operands.anchors.empty(), "no reduction of columns depends on another");
    for (const Reader* reader : {&operands, &results})
      for (const auto& [node, at] : reader->anchors) SINTER_CHECK(at == row, "a reduction is read in its own row");
  }

  /// The reduced axes; of blocks those that they keep, which are a row.
  ir::Integers axes_of(const Node& node) const {
    if (is_blocks(node)) {
      ir::Integers axes;
      const auto rank = static_cast<int64_t>(shape(node.operands[0]).rank());
      for (int64_t axis = ir::get_attribute<int64_t>(*node.op, node.attributes, "leading"); axis < rank; ++axis) axes.push_back(axis);
      return axes;
    }
    if (std::get<ir::Reduce>(node.op->lowering).argument) return {ir::get_attribute<int64_t>(*node.op, node.attributes, "axis")};
    return ir::get_attribute<ir::Integers>(*node.op, node.attributes, "axes");
  }

  const std::string& kind_;
  const Graph& body_;
  std::vector<const Node*> heavy_;  // not pointwise
};

void check_node(const Node& node, bool inside_parallel);

/// Follows what a stage reads of its arguments when it computes row `i0, i1, ...` of a result, whatever lies on the way.
class StageReader {
 public:
  StageReader(const Graph& body, size_t row_axes) : body_(body), row_axes_(row_axes), row_(symbols(row_axes, "i")) {}

  /// Arguments that are read at other rows than the result's own.
  std::set<int32_t> elsewhere;

  void read(Value value, const Position& position) {
    if (!seen_.insert({value.id, position}).second) return;
    if (body_.is_argument(value)) {
      const bool own = position.size() >= row_axes_ && std::equal(row_.begin(), row_.end(), position.begin());
      if (!own) elsewhere.insert(value.id);
      return;
    }
    const Node& node = *body_.producer(value);
    if (is<ir::Elementwise>(node)) {
      for (const Value operand : node.operands) read(operand, body_.type(operand).shape.rank() == 0 ? Position{} : position);
    } else if (const auto* view = std::get_if<ir::View>(&node.op->lowering)) {
      std::vector<TensorType> operands;
      for (const Value operand : node.operands) operands.push_back(body_.type(operand));
      for (const ir::Piece& piece : view->pieces({operands, body_.type(value), node.attributes, position, *node.op}))
        read(node.operands[static_cast<size_t>(piece.operand)], piece.index);
    } else if (is<ir::Reduce>(node) || is_index(node, ir::Index::Kind::kPick)) {
      Position whole = position;  // the axis that vanishes is the last one
      whole.push_back(Dim::symbol("?" + std::to_string(found_++)));
      read(node.operands[0], whole);
      if (node.operands.size() > 1) read(node.operands[1], position);
    } else if (is<ir::Contract>(node)) {
      Position lhs(position.begin(), position.end() - 1);
      lhs.push_back(Dim::symbol("?" + std::to_string(found_++)));
      read(node.operands[0], lhs);
      read(node.operands[1], {});
    } else {
      for (const Value operand : node.operands) read(operand, {});  // looked up anywhere
    }
  }

 private:
  const Graph& body_;
  size_t row_axes_;
  Position row_;
  std::set<std::pair<int32_t, Position>> seen_;
  int found_ = 0;
};

void check_stages(const Node& node, bool inside_another) {
  SINTER_CHECK(!inside_another, "stages stand alone");
  SINTER_CHECK(ir::get_attribute<int64_t>(*node.op, node.attributes, "rows") > 0, "stages go by blocks of rows");
  const Graph& body = node.regions[0];
  std::optional<Shape> rows;
  for (const Node& stage : body.nodes()) {
    check_node(stage, true);
    const std::string& kind = ir::get_attribute<std::string>(*stage.op, stage.attributes, "kind");
    SINTER_CHECK(kind == "contract" || kind == "rows", "stages are contractions and rows");
    const Graph& inner = stage.regions[0];
    for (const Node& at : inner.nodes()) {
      if (!is<ir::Contract>(at) && !is<ir::Reduce>(at)) continue;
      SINTER_CHECK(!is_blocks(at), "stages have blocks of their own");
      Shape domain = inner.type(is<ir::Contract>(at) ? at.results[0] : at.operands[0]).shape, own;
      for (size_t k = 0; k + 1 < domain.rank(); ++k) own.push_back(domain[k]);
      SINTER_CHECK(!rows || *rows == own, "stages go along the same rows");
      rows = own;
    }
    StageReader reader(inner, rows->rank());
    for (const Value result : inner.results()) reader.read(result, symbols(inner.type(result).shape.rank(), "i"));
    for (size_t i = 0; i < stage.operands.size(); ++i)
      SINTER_CHECK(body.is_argument(stage.operands[i]) || !reader.elsewhere.contains(static_cast<int32_t>(i)),
                   "a stage reads its own rows of what another computes");
  }
}

void check_node(const Node& node, bool inside_parallel) {
  SINTER_CHECK(node.op->name == "fusion", "a " + node.op->name + " outside a fusion");
  const WorkingOn scope("fusion " + node.name);
  const std::string& kind = ir::get_attribute<std::string>(*node.op, node.attributes, "kind");
  const Graph& body = node.regions[0];
  std::set<int32_t> operands;
  for (const Value operand : node.operands) SINTER_CHECK(operands.insert(operand.id).second, "rule 1: an operand stands twice");
  if (kind == "stages") return check_stages(node, inside_parallel);
  if (kind != "parallel") return BodyCheck(kind, body).check();
  SINTER_CHECK(!inside_parallel, "parallel in parallel");
  std::set<int32_t> results;
  for (const Value result : body.results()) results.insert(result.id);
  for (const Node& part : body.nodes()) {
    check_node(part, true);
    for (const Value operand : part.operands)
      SINTER_CHECK(body.is_argument(operand), "parts of a parallel fusion do not depend on each other");
    for (const Value result : part.results) SINTER_CHECK(results.contains(result.id), "every result of a part is a result of the whole");
  }
}

}  // namespace

void check_fusions(const Graph& graph) {
  for (const Node& node : graph.nodes()) {
    if (!ir::control_form(node)) {
      check_node(node, false);
      continue;
    }
    for (const Graph& region : node.regions) check_fusions(region);
  }
}

}  // namespace sinter::passes
