#include "tools/made_up.h"

#include <type_traits>

namespace sinter::tools {
namespace {

/// Marsaglia, "Xorshift RNGs", 2003: quick, and nobody looks at these numbers.
uint64_t next(uint64_t& state) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

/// In [-1, 1).
double next_number(uint64_t& state) { return static_cast<double>(static_cast<int64_t>(next(state)) >> 11) * 0x1.0p-52; }

template <class T> T next_value(uint64_t& state) {
  if constexpr (std::is_floating_point_v<T>) return static_cast<T>(next_number(state));
  else if constexpr (sizeof(T) == 1 && !std::is_same_v<T, bool>) return static_cast<T>(next(state) >> 32);
  else return static_cast<T>(next(state) >> 63);
}

}  // namespace

void fill_made_up(Tensor& tensor, uint32_t seed) {
  uint64_t state = 0x9e3779b97f4a7c15ULL * (seed + 1);
  const DType dtype = tensor.dtype();
  if (dtype == DType::kF16 || dtype == DType::kBF16) {
    for (int64_t i = 0; i < tensor.size(); ++i) tensor.set(i, next_number(state));
    return;
  }
  visit_dtype(dtype, [&](auto zero) {
    using T = decltype(zero);
    for (T& value : tensor.span<T>()) value = next_value<T>(state);
  });
}

}  // namespace sinter::tools
