#include "base/binding.h"

#include "base/error.h"

namespace sinter {

namespace {

[[noreturn]] void fail(std::string_view what, const Shape& shape, const Extents& extents, const std::string& reason) {
  throw Error(ErrorCode::kCheck, std::string(what) + " has extents " + to_string(extents) + ", its shape is " + shape.to_string() + ": " + reason);
}

void check_rank(std::string_view what, const Shape& shape, const Extents& extents) {
  if (shape.rank() != extents.size()) fail(what, shape, extents, "the ranks differ");
}

[[noreturn]] void fail_axis(std::string_view what, const Shape& shape, const Extents& extents, size_t axis, int64_t expected) {
  std::string reason = "axis " + std::to_string(axis) + " is " + std::to_string(extents[axis]) + " instead of ";
  if (!shape[axis].is_constant()) reason += shape[axis].to_string() + " = ";
  fail(what, shape, extents, reason + std::to_string(expected));
}

}  // namespace

void bind_symbols(std::string_view what, const Shape& shape, const Extents& extents, SymbolValues& symbols) {
  check_rank(what, shape, extents);
  for (size_t axis = 0; axis < extents.size(); ++axis) {
    if (extents[axis] < 0) fail(what, shape, extents, "a negative extent");
    if (const auto constant = shape[axis].as_constant()) {
      if (*constant != extents[axis]) fail_axis(what, shape, extents, axis, *constant);
    } else if (const auto symbol = shape[axis].as_symbol()) {
      const auto [bound, is_new] = symbols.emplace(*symbol, extents[axis]);
      if (!is_new && bound->second != extents[axis]) fail_axis(what, shape, extents, axis, bound->second);
    }
  }
}

void check_extents(std::string_view what, const Shape& shape, const Extents& extents, const SymbolValues& symbols) {
  check_rank(what, shape, extents);
  for (size_t axis = 0; axis < extents.size(); ++axis) {
    const int64_t expected = shape[axis].evaluate(symbols);
    if (expected != extents[axis]) fail_axis(what, shape, extents, axis, expected);
  }
}

}  // namespace sinter
