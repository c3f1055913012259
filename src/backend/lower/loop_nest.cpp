#include "backend/lower/loop_nest.h"

namespace sinter::backend {

Dim split_tile(Dim& rest, const Dim& count) {
  if (count == Dim(1)) return 0;
  const Dim part = mod(rest, count);
  rest = floor_div(rest, count);
  return part;
}

}  // namespace sinter::backend
