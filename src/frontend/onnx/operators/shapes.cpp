// Operators that move elements: reshapes, transposes, slices, joins, padding. Sizes are expressions over the model's symbols.
#include <algorithm>

#include "frontend/onnx/operators.h"

namespace sinter::onnx {
namespace {

using ir::Value;

Integers counting(size_t count) {
  Integers axes;
  for (size_t i = 0; i < count; ++i) axes.push_back(static_cast<int64_t>(i));
  return axes;
}

/// A list of axes or sizes: an attribute before `version`, an input from it on.
std::optional<Integers> listed(Call& call, const char* attribute, size_t input, int64_t version) {
  if (call.version < version) return call.integers(attribute);
  return call.has(input) ? std::optional(call.known_integers(input)) : std::nullopt;
}

// ---- shapes of the same elements ----

/// What is left of `total` when the other sizes are divided away: equal factors first, then constants.
Dim remaining_size(Call& call, Dims total, const Dims& others) {
  int64_t divisor = 1;
  Dims left;
  for (const Dim& other : others) {
    const auto same = std::find(total.begin(), total.end(), other);
    if (same != total.end()) total.erase(same);
    else if (other.is_constant()) divisor *= other.constant();
    else left.push_back(other);
  }
  Dim product = 1;
  for (const Dim& dim : total) product = product * dim;
  for (const Dim& other : left) {
    const Dim quotient = floor_div(product, other);
    if (quotient * other != product)
      call.unsupported("the size that is left out, " + product.to_string() + " / " + other.to_string() + ", is not known to be whole");
    product = quotient;
  }
  if (divisor == 0) return 0;
  const auto exact = product.divide_exactly(divisor);
  if (!exact) {
    if (product.is_constant())
      call.wrong("its elements do not fit: " + product.to_string() + " cannot be divided by " + std::to_string(divisor));
    call.unsupported("the size that is left out, " + product.to_string() + " / " + std::to_string(divisor) + ", is not known to be whole");
  }
  return *exact;
}

Shape reshaped(Call& call, const Shape& from, const Dims& wanted, bool zero_copies) {
  Dims dims, others;
  std::optional<size_t> open;
  for (size_t i = 0; i < wanted.size(); ++i) {
    Dim dim = wanted[i];
    if (dim == Dim(-1)) {
      if (open) call.wrong("two sizes are left out");
      open = i;
    } else if (dim == Dim(0) && zero_copies) {
      if (i >= from.rank())
        call.wrong("size " + std::to_string(i) + " is taken from the input, which has rank " + std::to_string(from.rank()));
      dim = from[i];
    } else if (is_nonnegative(-dim - 1)) {
      call.wrong("a size of " + dim.to_string());
    }
    dims.push_back(dim);
    if (dim != Dim(-1)) others.push_back(dim);
  }
  if (open) dims[*open] = remaining_size(call, from.dims(), others);
  const Shape shape(dims);
  const Dim before = from.element_count(), after = shape.element_count();
  if (before != after) {
    // One symbol may stand for the whole of what the other shape says.
    if (before.is_constant() && after.is_constant()) call.wrong(from.to_string() + " does not fit " + shape.to_string());
    call.equal(before, after, "the elements of both shapes");
  }
  return shape;
}

void import_reshape(Call& call) {
  const Shape from = call.shape(0);
  Dims wanted;
  if (call.version < 5) {
    for (const int64_t size : call.integers("shape").value_or(Integers{})) wanted.emplace_back(size);
  } else {
    wanted = call.known_dims(1);
  }
  call.set(0, call.b.reshape(call.value(0), reshaped(call, from, wanted, call.integer("allowzero", 0) == 0)));
}

/// Lists and numbers of the same integers.
bool fold_same_elements(Call& call, size_t rank) {
  if (!call.dims(0) || rank > 1) return false;
  if (rank == 0 && call.dims(0)->size() != 1) return false;
  call.set_dims(0, *call.dims(0), rank == 0, call.dtype(0));
  return true;
}

bool fold_reshape(Call& call) {
  if (call.version < 5 || !call.has(1) || !call.dims(1)) return false;
  return fold_same_elements(call, call.dims(1)->size());
}

void import_flatten(Call& call) {
  const Shape from = call.shape(0);
  const int64_t rank = static_cast<int64_t>(from.rank()), given = call.integer("axis", 1);
  if (given < -rank || given > rank) call.wrong("axis " + std::to_string(given) + " of a tensor of rank " + std::to_string(rank));
  const size_t axis = static_cast<size_t>(given < 0 ? given + rank : given);
  call.set(0, call.b.reshape(call.value(0), Shape{from.element_count(0, axis), from.element_count(axis, from.rank())}));
}

Shape squeezed(Call& call) {
  const Shape from = call.shape(0);
  const auto given = listed(call, "axes", 1, 13);
  Integers axes;
  if (given) axes = call.axes(*given, from.rank());
  else
    for (size_t i = 0; i < from.rank(); ++i)
      if (from[i] == Dim(1)) axes.push_back(static_cast<int64_t>(i));
  Shape shape;
  for (size_t i = 0; i < from.rank(); ++i) {
    if (std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) == axes.end()) shape.push_back(from[i]);
    else call.equal(from[i], Dim(1), "a size that goes away and 1");
  }
  return shape;
}

Shape unsqueezed(Call& call) {
  const Shape from = call.shape(0);
  const auto given = listed(call, "axes", 1, 13);
  if (!given) call.wrong("its axes are missing");
  const size_t rank = from.rank() + given->size();
  const Integers axes = call.axes(*given, rank);
  Shape shape;
  size_t next = 0;
  for (size_t i = 0; i < rank; ++i)
    shape.push_back(std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) != axes.end() ? Dim(1) : from[next++]);
  return shape;
}

void import_squeeze(Call& call) { call.set(0, call.b.reshape(call.value(0), squeezed(call))); }
void import_unsqueeze(Call& call) { call.set(0, call.b.reshape(call.value(0), unsqueezed(call))); }
bool fold_squeeze(Call& call) { return fold_same_elements(call, squeezed(call).rank()); }
bool fold_unsqueeze(Call& call) { return fold_same_elements(call, unsqueezed(call).rank()); }

void import_transpose(Call& call) {
  const size_t rank = call.rank(0);
  Integers permutation = counting(rank);
  std::reverse(permutation.begin(), permutation.end());
  if (const auto given = call.integers("perm")) permutation = *given;
  if (permutation.size() != rank)
    call.wrong("its permutation has " + std::to_string(permutation.size()) + " axes, its input has " + std::to_string(rank));
  for (int64_t& axis : permutation) axis = static_cast<int64_t>(call.axis(axis, rank));
  call.axes(permutation, rank);
  call.set(0, permutation == counting(rank) ? call.value(0) : call.b.call("transpose", {call.value(0)}, {{"permutation", permutation}}));
}

/// Blocks of channels become blocks of places, and back.
void import_depth_to_space(Call& call) {
  const Shape s = call.shape(0);
  if (s.rank() != 4) call.wrong("its input has rank " + std::to_string(s.rank()));
  const int64_t size = call.integer("blocksize");
  if (size < 1) call.wrong("a block of " + std::to_string(size));
  const auto channels = s[1].divide_exactly(size * size);
  if (!channels) call.wrong("its channels cannot be divided by the block");
  const bool columns_first = call.text("mode", "DCR") == "CRD";
  const Shape blocks = columns_first ? Shape{s[0], *channels, size, size, s[2], s[3]} : Shape{s[0], size, size, *channels, s[2], s[3]};
  const Integers permutation = columns_first ? Integers{0, 1, 4, 2, 5, 3} : Integers{0, 3, 4, 1, 5, 2};
  const Value moved = call.b.call("transpose", {call.b.reshape(call.value(0), blocks)}, {{"permutation", permutation}});
  call.set(0, call.b.reshape(moved, Shape{s[0], *channels, s[2] * size, s[3] * size}));
}

void import_space_to_depth(Call& call) {
  const Shape s = call.shape(0);
  if (s.rank() != 4) call.wrong("its input has rank " + std::to_string(s.rank()));
  const int64_t size = call.integer("blocksize");
  if (size < 1) call.wrong("a block of " + std::to_string(size));
  const auto rows = s[2].divide_exactly(size), columns = s[3].divide_exactly(size);
  if (!rows || !columns) call.wrong("its sizes cannot be divided by the block");
  const Value blocks = call.b.reshape(call.value(0), Shape{s[0], s[1], *rows, size, *columns, size});
  const Value moved = call.b.call("transpose", {blocks}, {{"permutation", Integers{0, 3, 5, 1, 2, 4}}});
  call.set(0, call.b.reshape(moved, Shape{s[0], s[1] * (size * size), *rows, *columns}));
}

// ---- repeats ----

void import_expand(Call& call) {
  const Shape wanted(call.known_dims(1));
  call.set(0, call.spread(call.value(0), call.common_shape(call.shape(0), wanted)));
}

void import_tile(Call& call) {
  const Shape from = call.shape(0);
  Dims repeats;
  if (call.version < 6) {
    repeats.assign(from.rank(), Dim(1));
    const Integers times = call.known_integers(1), axis = call.known_integers(2);
    if (times.size() != 1 || axis.size() != 1) call.wrong("it takes one number of tiles and one axis");
    repeats[call.axis(axis[0], from.rank())] = times[0];
  } else {
    repeats = call.known_dims(1);
  }
  if (repeats.size() != from.rank())
    call.wrong("it has " + std::to_string(repeats.size()) + " repeats for rank " + std::to_string(from.rank()));
  Shape spread, result;
  Integers axes;
  for (size_t i = 0; i < from.rank(); ++i) {
    if (is_nonnegative(-repeats[i] - 1)) call.wrong("a negative number of repeats");
    spread.push_back(repeats[i]);
    axes.push_back(static_cast<int64_t>(spread.rank()));
    spread.push_back(from[i]);
    result.push_back(from[i] * repeats[i]);
  }
  call.set(0, call.b.reshape(call.b.broadcast(call.value(0), spread, axes), result));
}

// ---- joins and pieces ----

void import_concat(Call& call) {
  const size_t axis = call.axis(call.integer("axis", 1), call.rank(0));
  for (size_t i = 1; i < call.inputs(); ++i) {
    if (call.rank(i) != call.rank(0) || call.dtype(i) != call.dtype(0))
      call.wrong("it joins " + call.type(0).to_string() + " and " + call.type(i).to_string());
    for (size_t k = 0; k < call.rank(0); ++k)
      if (k != axis) call.equal(call.shape(0)[k], call.shape(i)[k], "sizes beside the axis");
  }
  const std::vector<Value> parts = call.values();
  call.set(0, parts.size() == 1 ? parts[0] : call.b.call("concatenate", parts, {{"axis", static_cast<int64_t>(axis)}}));
}

bool fold_concat(Call& call) {
  Dims all;
  for (size_t i = 0; i < call.inputs(); ++i) {
    if (!call.has(i) || !call.dims(i) || call.rank(i) != 1) return false;
    const Dims part = *call.dims(i);
    all.insert(all.end(), part.begin(), part.end());
  }
  call.set_dims(0, std::move(all), false, call.dtype(0));
  return true;
}

/// A box of a tensor: everything but along one axis.
Value piece(Call& call, Value value, size_t axis, const Dim& start, const Dim& limit) {
  const Shape shape = call.b.shape(value);
  Shape starts(Dims(shape.rank(), Dim(0))), limits = shape;
  starts[axis] = start;
  limits[axis] = limit;
  if (starts[axis] == Dim(0) && limits == shape) return value;
  return call.b.call("slice", {value}, {{"starts", starts}, {"limits", limits}, {"strides", Integers(shape.rank(), 1)}});
}

void import_split(Call& call) {
  const size_t axis = call.axis(call.integer("axis", 0), call.rank(0));
  const Dim size = call.shape(0)[axis];
  const int64_t count = static_cast<int64_t>(call.results.size());
  Dims sizes;
  const auto given = call.version < 2 && call.has(1) ? std::optional(call.known_integers(1)) : listed(call, "split", 1, 13);
  if (given) {
    for (const int64_t part : *given) sizes.emplace_back(part);
    if (static_cast<int64_t>(sizes.size()) != count)
      call.wrong("it has " + std::to_string(sizes.size()) + " sizes and " + std::to_string(count) + " outputs");
  } else {
    const Dim part = ceil_div(size, Dim(count));
    for (int64_t i = 0; i + 1 < count; ++i) sizes.push_back(part);
    sizes.push_back(size - part * Dim(count - 1));
  }
  Dim sum = 0;
  for (const Dim& part : sizes) {
    if (is_nonnegative(-part - 1)) call.wrong("a part of " + part.to_string());
    sum = sum + part;
  }
  call.equal(sum, size, "the parts together and the size");
  Dim at = 0;
  const Value value = call.value(0);
  for (size_t i = 0; i < sizes.size(); ++i) {
    call.set(i, piece(call, value, axis, at, i + 1 == sizes.size() ? size : at + sizes[i]));
    at = at + sizes[i];
  }
}

struct Cut {
  Integers axes;
  Dims starts, ends;
  Integers steps;
};

Cut cut_of(Call& call) {
  Cut cut;
  const auto dims = [](const Integers& values) { return Dims(values.begin(), values.end()); };
  const size_t data = 0;
  if (call.version < 10) {
    cut.starts = dims(call.integers("starts").value_or(Integers{}));
    cut.ends = dims(call.integers("ends").value_or(Integers{}));
    cut.axes = call.integers("axes").value_or(counting(cut.starts.size()));
  } else {
    cut.starts = call.known_dims(1);
    cut.ends = call.known_dims(2);
    cut.axes = call.has(3) ? call.known_integers(3) : counting(cut.starts.size());
    if (call.has(4)) cut.steps = call.known_integers(4);
  }
  if (cut.steps.empty()) cut.steps.assign(cut.starts.size(), 1);
  if (cut.ends.size() != cut.starts.size() || cut.axes.size() != cut.starts.size() || cut.steps.size() != cut.starts.size())
    call.wrong("starts, ends, axes and steps differ in number");
  for (int64_t& axis : cut.axes) axis = static_cast<int64_t>(call.axis(axis, call.rank(data)));
  call.axes(cut.axes, call.rank(data));
  return cut;
}

/// A place along an axis of `size` entries: counted from the end when negative, and at most `size`.
Dim bounded_place(Call& call, const Dim& place, const Dim& size) {
  constexpr int64_t kFar = INT32_MAX;  // written for "to the end", in either direction
  if (const auto known = place.as_constant()) {
    if (*known >= kFar) return size;
    if (*known <= -kFar) return 0;
    return *known < 0 ? max(size + place, Dim(0)) : min(place, size);
  }
  if (is_nonnegative(place)) return min(place, size);
  if (is_nonnegative(-place - 1)) return max(size + place, Dim(0));
  call.unsupported("a place of " + place.to_string() + ", whose sign is known at run time only");
}

void import_slice(Call& call) {
  const Cut cut = cut_of(call);
  Value value = call.value(0);
  const Shape shape = call.shape(0);
  Shape starts(Dims(shape.rank(), Dim(0))), limits = shape;
  Integers strides(shape.rank(), 1), reversed;
  for (size_t i = 0; i < cut.axes.size(); ++i) {
    const size_t axis = static_cast<size_t>(cut.axes[i]);
    const Dim size = shape[axis];
    if (cut.steps[i] == 0 || cut.steps[i] < -INT32_MAX || cut.steps[i] > INT32_MAX) call.wrong("a step of " + std::to_string(cut.steps[i]));
    if (cut.steps[i] > 0) {
      starts[axis] = bounded_place(call, cut.starts[i], size);
      limits[axis] = bounded_place(call, cut.ends[i], size);
    } else {
      // Backwards: the same places, counted from the other end. An end far below is beyond the first entry.
      const auto end = cut.ends[i].as_constant();
      const Dim first = min(bounded_place(call, cut.starts[i], size), size - 1);
      const bool to_the_end = end && *end <= -INT32_MAX;
      Dim last = to_the_end ? Dim(-1) : cut.ends[i];
      if (!to_the_end && is_nonnegative(-last - 1)) last = max(size + last, Dim(-1));
      else if (!to_the_end) last = min(last, size - 1);
      if (first.is_constant() && first.constant() < 0 && size == Dim(0)) {
        limits[axis] = 0;
        continue;
      }
      starts[axis] = size - 1 - first;
      limits[axis] = size - 1 - last;
      reversed.push_back(static_cast<int64_t>(axis));
    }
    strides[axis] = std::abs(cut.steps[i]);
    if (is_nonnegative(starts[axis] - limits[axis])) limits[axis] = starts[axis];
  }
  std::sort(reversed.begin(), reversed.end());
  if (!reversed.empty()) value = call.b.call("reverse", {value}, {{"axes", reversed}});
  call.set(0, call.b.call("slice", {value}, {{"starts", starts}, {"limits", limits}, {"strides", strides}}));
}

bool fold_slice(Call& call) {
  if (!call.dims(0) || call.rank(0) != 1) return false;
  const Cut cut = cut_of(call);
  if (cut.axes.size() != 1 || !cut.starts[0].is_constant() || !cut.ends[0].is_constant()) return false;
  const Dims from = *call.dims(0);
  const int64_t size = static_cast<int64_t>(from.size()), step = cut.steps[0];
  if (step == 0) call.wrong("a step of 0");
  int64_t start = cut.starts[0].constant(), end = cut.ends[0].constant();
  const int64_t lowest = step > 0 ? 0 : -1;
  start = std::clamp(start < 0 ? start + size : start, int64_t{step > 0 ? 0 : -1}, step > 0 ? size : size - 1);
  end = end < -size ? lowest : std::clamp(end < 0 ? end + size : end, lowest, size);
  Dims part;
  for (int64_t i = start; step > 0 ? i < end : i > end; i += step) part.push_back(from[static_cast<size_t>(i)]);
  call.set_dims(0, std::move(part), false, call.dtype(0));
  return true;
}

// ---- padding ----

/// Which entry of an axis stands at each place of the padded one.
Tensor padded_places(const std::string& mode, int64_t low, int64_t size, int64_t high) {
  Tensor places(DType::kI64, {low + size + high});
  for (int64_t i = 0; i < places.size(); ++i) {
    int64_t place = i - low;
    if (mode == "edge") place = std::clamp<int64_t>(place, 0, size - 1);
    if (mode == "wrap") place = ((place % size) + size) % size;
    if (mode == "reflect") {
      const int64_t period = std::max<int64_t>(2 * (size - 1), 1);
      place = ((place % period) + period) % period;
      if (place >= size) place = period - place;
    }
    places.set_integer(i, place);
  }
  return places;
}

void import_pad(Call& call) {
  const Shape shape = call.shape(0);
  const size_t rank = shape.rank();
  const std::string mode = call.text("mode", "constant");
  Dims pads;
  if (call.version < 11) {
    const auto given = call.version < 2 ? call.integers("paddings") : call.integers("pads");
    if (given) pads = Dims(given->begin(), given->end());
  } else {
    pads = call.known_dims(1);
  }
  Integers axes = counting(rank);
  if (call.has(3)) axes = call.known_integers(3);
  if (pads.size() != 2 * axes.size())
    call.wrong("it has " + std::to_string(pads.size()) + " pads for " + std::to_string(axes.size()) + " axes");
  Shape low(Dims(rank, Dim(0))), high = low, starts = low, limits = shape;
  Value value = call.value(0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const size_t axis = call.axis(axes[i], rank);
    const Dim &before = pads[i], &after = pads[axes.size() + i];
    // Negative pads cut off.
    low[axis] = max(before, Dim(0));
    high[axis] = max(after, Dim(0));
    starts[axis] = max(-before, Dim(0));
    limits[axis] = shape[axis] - max(-after, Dim(0));
  }
  if (starts != Shape(Dims(rank, Dim(0))) || limits != shape)
    value = call.b.call("slice", {value}, {{"starts", starts}, {"limits", limits}, {"strides", Integers(rank, 1)}});
  if (mode == "constant") {
    Value padding = call.b.scalar(call.version < 11 ? call.number("value", 0) : 0, call.dtype(0));
    if (call.version >= 11 && call.has(2)) padding = call.b.reshape(call.value(2), Shape{});
    return call.set(0, call.b.call("pad", {value, padding}, {{"low", low}, {"high", high}}));
  }
  if (mode != "edge" && mode != "reflect" && mode != "wrap") call.wrong("its mode is \"" + mode + "\"");
  for (size_t axis = 0; axis < rank; ++axis) {
    if (low[axis] == Dim(0) && high[axis] == Dim(0)) continue;
    const auto size = call.b.shape(value)[axis].as_constant(), before = low[axis].as_constant(), after = high[axis].as_constant();
    if (!size || !before || !after) call.unsupported("padding by " + mode + " along an axis whose size is known at run time only");
    if (*size == 0) call.wrong("padding by " + mode + " of nothing");
    if (*before + *after > (int64_t{1} << 24)) call.wrong("a padding of " + std::to_string(*before + *after));
    const Value places = call.b.constant(padded_places(mode, *before, *size, *after));
    value = call.b.call("gather", {value, places}, {{"axis", static_cast<int64_t>(axis)}});
  }
  call.set(0, value);
}

}  // namespace

void add_shapes(OperatorTable& table) {
  const auto row = [&](const char* name, int64_t since, std::function<void(Call&)> import, std::function<bool(Call&)> fold = {}) {
    table.push_back({name, since, std::move(import), std::move(fold)});
  };
  row("Reshape", 1, import_reshape, fold_reshape);
  row("Flatten", 1, import_flatten);
  row("Squeeze", 1, import_squeeze, fold_squeeze);
  row("Unsqueeze", 1, import_unsqueeze, fold_unsqueeze);
  row("Transpose", 1, import_transpose);
  row("DepthToSpace", 1, import_depth_to_space);
  row("SpaceToDepth", 1, import_space_to_depth);
  row("Expand", 8, import_expand);
  row("Tile", 1, import_tile);
  row("Concat", 1, import_concat, fold_concat);
  row("Split", 1, import_split);
  row("Slice", 1, import_slice, fold_slice);
  row("Pad", 1, import_pad);
}

}  // namespace sinter::onnx
