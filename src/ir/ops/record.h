// Short words for writing op records: types and samples as text, the checks and loops that families share.
// Used by the files of src/ir/ops only.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "ir/op_def.h"

namespace sinter::ir {

// ---- samples ----

/// "f32[batch, 3]" as a type.
TensorType type_of_text(std::string_view text);

/// An operand of a sample: its type as text, and what fills it.
struct In {
  In(const char* type, Fill fill = Fill::kNormal, Dim bound = 1)
      : type(type), fill(fill), bound(std::move(bound)) {}  // NOLINT: implicit on purpose
  const char* type;
  Fill fill;
  Dim bound;  // Fill::kIndex
};
Sample sample(std::initializer_list<In> operands, Attributes attributes = {});
/// A sample of integers, bools or a kink: the gradient test skips it.
Sample sample_without_gradient(std::initializer_list<In> operands, Attributes attributes = {});
/// The samples, and each that has f32 operands or the attribute `dtype = f32` once more in f64.
std::vector<Sample> in_both_floats(std::vector<Sample> samples);
BadSample bad(const char* label, std::initializer_list<const char*> operands, Attributes attributes = {});

// ---- checks of type rules ----

/// 0 <= axis < rank.
inline bool is_axis(int64_t axis, size_t rank) { return axis >= 0 && axis < static_cast<int64_t>(rank); }
/// Strictly increasing axes of a shape of this rank.
bool are_axes(const Integers& axes, size_t rank);
bool never_negative(const Shape& shape);    // no dim is known to be below zero
/// Raises the error of rule `label` unless the operand is i32 or i64.
void require_indices(const TypeRequest& request, size_t operand, std::string_view label);
inline bool is_one(const Dim& dim) { return dim == Dim(1); }

// ---- shapes ----

/// The axes 0 .. rank-1 that `axes` does not name, in order.
Integers other_axes(const Integers& axes, size_t rank);
/// `shape` without `axes`.
Shape without(const Shape& shape, const Integers& axes);

// ---- loops of evaluators ----

/// A tensor seen along one axis: `outer` blocks of `size` entries of `inner` elements.
struct AxisView {
  int64_t outer = 1, size = 1, inner = 1;
  AxisView(const Extents& extents, int64_t axis);
  int64_t position(int64_t o, int64_t i, int64_t n) const { return (o * size + i) * inner + n; }
};

/// Where a walk over elements stands in a tensor: position = base + sum of index[k] * steps[k].
struct Walk {
  int64_t base = 0;
  Extents steps;
};
/// to[walk_to(i)] = from[walk_from(i)] for each index i within `extents`.
void copy_elements(Tensor& to, const Walk& walk_to, const Tensor& from, const Walk& walk_from, const Extents& extents);
/// to[at] = from[source]: one element of any dtype.
void copy_element(Tensor& to, int64_t at, const Tensor& from, int64_t source);

/// Raises Error kCheck, naming the node, unless 0 <= index < size. `what` is "index" or "label", `of` what it counts.
void check_index(const EvaluateRequest& request, const char* what, int64_t index, const std::string& of, int64_t size);

}  // namespace sinter::ir
