// Families that are still being written: empty and weak, so that the strong definition wins once its file exists.
// The name sorts last, so that archives offer the strong definition first. Deleted when all families are in.
#include "ir/ops/ops.h"

#define SINTER_MISSING(family) \
  __attribute__((weak)) void family(OpRegistry&) {}

namespace sinter::ir {

SINTER_MISSING(add_view_ops)
SINTER_MISSING(add_index_ops)
SINTER_MISSING(add_random_ops)
SINTER_MISSING(add_composite_ops)

}  // namespace sinter::ir
