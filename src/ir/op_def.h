// The record of an op: everything Sinter knows about it, in one place (docs/add_an_op.md).
//
// Printer, parser, verifier, evaluator, builder, gradient, documentation and the contract test suite are derived from
// records; nothing outside ir/ops switches over ops. Lowering kinds are closed; ops are open.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/scalar.h"
#include "base/tensor.h"
#include "ir/attributes.h"
#include "ir/graph.h"

namespace sinter::ir {

class Builder;
struct OpDef;

struct OperandDef {
  std::string name;
  std::string doc;
  bool variadic = false;  // only the last
};

struct AttributeDef {
  std::string name;
  AttributeKind kind;
  std::string doc;
  std::optional<Attribute> fallback;  // absent: required
};

/// A numbered rule, used in doc, error text and negative tests.
struct Rule {
  std::string label;  // "C1"
  std::string text;   // "operands have equal types"
};

// ---- what the rules of a record are asked ----

/// Types of results from types of operands.
struct TypeRequest {
  const OpDef& op;
  std::span<const TensorType> operands;
  const Attributes& attributes;
  std::span<const Graph> regions;

  const Shape& shape(size_t operand) const { return operands[operand].shape; }
  DType dtype(size_t operand) const { return operands[operand].dtype; }
  /// The attribute (or its fallback) as T.
  template <class T> const T& get(std::string_view name) const;
  /// Raises Error kType "OP C2: message: name f32[..], name f32[..]" when `condition` is false.
  void require(bool condition, std::string_view rule, const std::string& message, const std::string& hint = {}) const;
  [[noreturn]] void fail(std::string_view rule, const std::string& message, const std::string& hint = {}) const;
};
using TypeRule = std::function<std::vector<TensorType>(const TypeRequest&)>;

/// Reference evaluation: plain loops and the C math library, written for reading.
struct EvaluateRequest {
  const OpDef& op;
  std::vector<Tensor> operands;
  const Attributes& attributes;
  std::vector<TensorType> result_types;  // as in the graph (possibly symbolic)
  const SymbolValues& symbols;
  std::span<const Graph> regions;
  std::function<std::vector<Tensor>(const Graph&, std::vector<Tensor>)> run_region;
  std::string node_name;

  template <class T> const T& get(std::string_view name) const;
  /// A zero-filled tensor of result `index`'s type under the symbols.
  Tensor make_result(size_t index = 0) const;
};
using EvaluateRule = std::function<std::vector<Tensor>(const EvaluateRequest&)>;

/// Cotangents of operands from cotangents of results, as new nodes.
struct GradientRequest {
  Builder& builder;
  const OpDef& op;
  std::span<const Value> operands;
  std::span<const Value> results;
  std::span<const Value> cotangents;  // one per result; invalid() where nothing depends on it, at least one valid
  const Attributes& attributes;
  std::span<const Graph> regions;
  std::span<const bool> wanted;  // per operand: someone needs its cotangent

  template <class T> const T& get(std::string_view name) const;
};
/// One value per operand; an invalid Value means zero (or not wanted).
using GradientRule = std::function<std::vector<Value>(const GradientRequest&)>;

/// A composite's meaning in other ops.
struct ExpandRequest {
  Builder& builder;
  const OpDef& op;
  std::span<const Value> operands;
  const Attributes& attributes;
  template <class T> const T& get(std::string_view name) const;
};
using ExpandRule = std::function<std::vector<Value>(const ExpandRequest&)>;

// ---- lowering: a kind, plus data ----

/// Holds when lower <= value < upper.
struct Guard {
  Dim value, lower, upper;
};

/// Where a result element comes from: operand `operand` at `index`, when all guards hold. The first piece that applies is meant.
struct Piece {
  std::vector<Guard> guards;
  int operand = 0;
  std::vector<Dim> index;
};

/// What an access rule is asked: the source of the result element at `index` (one Dim per result axis, over fresh symbols).
struct AccessRequest {
  std::span<const TensorType> operands;
  const TensorType& result;
  const Attributes& attributes;
  const std::vector<Dim>& index;
  const OpDef& op;
  template <class T> const T& get(std::string_view name) const;
};

/// result[i] = body(operands[i]): all operands and the result have equal shapes; rank-0 operands are allowed as well.
struct Elementwise {
  ScalarBody body;
};
/// result = combine over the attribute `axes` (integers, sorted), starting from `initial`. With `argument`, the position of the winner
/// (the first of equals, NaN wins) along the single attribute `axis`, as i64; combine is then kMaximum or kMinimum. With `blocks`, one partial
/// result for each block of the attribute `rows` positions along the first `leading` axes (an attribute) together.
struct Reduce {
  ScalarOp combine;
  enum class Initial { kZero, kOne, kLowest, kHighest } initial;  // kLowest: -inf, the smallest integer, or false
  bool argument = false;
  bool blocks = false;
};
/// The record dot_general, and others whose attributes lhs_batch, rhs_batch, lhs_contract, rhs_contract mean the same.
struct Contract {};
/// Windows that slide over axes of a tensor. Attributes: stride, padding_low, padding_high, dilation, input_dilation, one entry per axis.
struct Window {
  enum class Kind {
    kConvolution,     // (input, filter), spatial axes between batch and channels; attribute `groups`
    kFilterGradient,  // (input, cotangent) attributes `window`, `blocks`: sums over the images of a block
    kReduce,          // (x) attributes `axes`, `window`: each window combined, starting from `initial`
    kArgument,        // the same, the number of the winner in its window, the first of equals, NaN wins, as i64; combine is kMaximum or kMinimum
    kScatter,         // (updates, number) of each window, added up at the entry of that number; attribute `sizes` of the result along the axes
  } kind;
  ScalarOp combine = ScalarOp::kAdd;
  Reduce::Initial initial = Reduce::Initial::kZero;
};
/// Moves elements: pieces per result element.
struct View {
  std::function<std::vector<Piece>(const AccessRequest&)> pieces;
};
/// Elements made from, or found by, indices.
struct Index {
  enum class Kind {
    kGenerate,    // result[i] = cast(generate(i)): iota, dim_size
    kConstant,    // attribute `value`
    kGather,      // (data, indices) attribute `axis`: result[a.., i.., b..] = data[a.., indices[i..], b..]; out of range is a failure
    kPick,        // (data, indices) attribute `axis`: result[a.., b..] = data[a.., indices[a.., b..], b..]
    kScatterAdd,  // (data, indices, updates) attribute `axis`: data plus updates[a.., i.., b..] added at [a.., indices[i..], b..], in order of i
    kRandomBits,  // (seed, step) attributes `stream`, `shape`: word at the row-major position
  } kind;
  std::function<Dim(const AccessRequest&)> generate;  // kGenerate
};
/// Of input and filter, or their like: kernels of it are products of matrices.
inline bool is_convolution(const Window& window) { return window.kind == Window::Kind::kConvolution || window.kind == Window::Kind::kFilterGradient; }
struct Control {};  // regions; `fusion` is one
struct Composite {
  ExpandRule expand;
};
struct Opaque {
  std::string routine;  // a function of runtime/kernel
};
/// Not compiled natively yet: the reason, told to the user.
struct NotNative {
  std::string reason;
};
using Lowering = std::variant<NotNative, Elementwise, Reduce, Contract, Window, View, Index, Control, Composite, Opaque>;

/// Why there is no gradient ("integers have no derivative", ...).
struct NotDifferentiable {
  std::string reason;
};
/// The expansion's gradient (composites only).
struct GradientOfExpansion {};
using Gradient = std::variant<NotDifferentiable, GradientRule, GradientOfExpansion>;

// ---- samples: what generated tests feed the op with ----

enum class Fill {
  kNormal,         // standard normal
  kPositive,       // 0.2 .. 3
  kUnit,           // -0.9 .. 0.9
  kAwayFromZero,   // |x| in 0.2 .. 2, both signs
  kAwayFromInteger,
  kDistinct,       // a permutation of well separated values (for max, argmax)
  kIndex,          // integers in [0, bound)
  kSmallInteger,   // -5 .. 5 (0 .. 5 for unsigned)
  kBool,
};
struct SampleOperand {
  TensorType type;  // may be symbolic; the tests choose values for the symbols
  Fill fill = Fill::kNormal;
  Dim bound = 1;  // kIndex
};
struct Sample {
  std::vector<SampleOperand> operands;
  Attributes attributes;
  std::vector<std::string> region_texts;  // graph text of each region, for control ops
  bool differentiable = true;             // false: at a kink or of integers, skip the gradient test for this sample
};

/// A call that must be refused by rule `label`.
struct BadSample {
  std::string label;
  std::vector<TensorType> operands;
  Attributes attributes;
  std::vector<std::string> region_texts;
};

struct OpDef {
  std::string name;  // snake_case, the word in the graph text
  std::string doc;
  std::vector<OperandDef> operands;
  std::vector<AttributeDef> attributes;
  std::vector<std::string> regions;  // names of regions
  std::vector<Rule> rules;
  TypeRule type;
  EvaluateRule evaluate;
  Gradient gradient;
  Lowering lowering;
  std::vector<Sample> samples;
  std::vector<BadSample> bad_samples;
  bool takes_narrow = false;  // an elementwise op or contraction that says itself what becomes of f16 and bf16 (see widens)
  int ulp = 0;  // allowed difference of native f32 code from the evaluator in ULP, when not exact (see docs/decisions/004-numbers.md)

  const AttributeDef* find_attribute(std::string_view name) const;
};

/// All op records, by name and in order of registration. One immutable instance.
class OpRegistry {
 public:
  static const OpRegistry& instance();
  const OpDef* find(std::string_view name) const;
  /// Raises Error kName with a hint.
  const OpDef& get(std::string_view name) const;
  const std::vector<std::unique_ptr<OpDef>>& all() const { return ops_; }

  void add(OpDef op);  // used by ir/ops while the instance is made

 private:
  std::vector<std::unique_ptr<OpDef>> ops_;
  std::map<std::string, const OpDef*, std::less<>> by_name_;
};

/// The attribute of `op` by name: from `attributes`, else its fallback; broken invariant when it is neither or not a T.
const Attribute& attribute_of(const OpDef& op, const Attributes& attributes, std::string_view name);
template <class T> const T& get_attribute(const OpDef& op, const Attributes& attributes, std::string_view name) {
  const T* value = std::get_if<T>(&attribute_of(op, attributes, name));
  SINTER_CHECK(value != nullptr, "attribute " + std::string(name) + " of " + op.name + " is of another kind");
  return *value;
}
template <class T> const T& TypeRequest::get(std::string_view n) const { return get_attribute<T>(op, attributes, n); }
template <class T> const T& EvaluateRequest::get(std::string_view n) const { return get_attribute<T>(op, attributes, n); }
template <class T> const T& GradientRequest::get(std::string_view n) const { return get_attribute<T>(op, attributes, n); }
template <class T> const T& ExpandRequest::get(std::string_view n) const { return get_attribute<T>(op, attributes, n); }
template <class T> const T& AccessRequest::get(std::string_view n) const { return get_attribute<T>(op, attributes, n); }

/// f16 and bf16 are storage. What moves elements (views, lookups, constants, regions) takes them as any dtype; every other op that accepts them is
/// computed in f32 and its results are rounded once: op(x) means cast(op(cast(x, f32)), bf16). The evaluator and the pass `widen` hold to it, so that
/// no reference and no lowering but that of `takes_narrow` records meets a narrow dtype.
bool widens(const OpDef& op);
/// The dtypes of a call that is computed in f32: `attributes` and `types` with f32 for f16 and bf16.
DType widened(DType dtype);
Attributes widened(const Attributes& attributes);
/// Whether the call has to be: an operand, or a dtype among the attributes, is narrow.
bool is_widened(const OpDef& op, std::span<const TensorType> operands, const Attributes& attributes);

/// Checks operand count, attribute names and kinds, region count (Error kType), then asks the op's type rule.
std::vector<TensorType> infer_types(const OpDef& op, std::span<const TensorType> operands, const Attributes& attributes,
                                    std::span<const Graph> regions = {});

}  // namespace sinter::ir
