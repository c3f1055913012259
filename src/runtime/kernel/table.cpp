#include "runtime/kernel/table.h"

#include "runtime/kernel/math.h"
#include "runtime/kernel/random.h"

namespace {

#define SINTER_ROUTINE(symbol) {#symbol, (void*)&symbol},
#define SINTER_BOTH(op) SINTER_ROUTINE(sinter_##op##_f32) SINTER_ROUTINE(sinter_##op##_f64)
const SinterRoutine kRoutines[] = {SINTER_BOTH(remainder) SINTER_BOTH(fma) SINTER_ROUTINE(sinter_random_bits_u32)};

}  // namespace

const SinterRoutine* sinter_routines(int64_t* count) {
  *count = sizeof(kRoutines) / sizeof(kRoutines[0]);
  return kRoutines;
}
