#include "runtime/data/shuffle.h"

#include <numeric>
#include <utility>

#include "base/error.h"

namespace sinter::runtime {

void shuffle(std::span<int64_t> order, uint32_t seed, Purpose purpose, uint32_t item) {
  if (order.size() > UINT32_MAX) throw Error(ErrorCode::kUnsupported, "more than 4294967295 samples cannot be shuffled");
  std::iota(order.begin(), order.end(), 0);
  Draws draws(seed, purpose, item);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[draws.below(static_cast<uint32_t>(i))]);
}

}  // namespace sinter::runtime
