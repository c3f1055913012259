/* Every symbol that emitted code may call, with its address: what a just-in-time linker resolves against. Objects linked ahead of time bring the
   routines along instead. Plain C, freestanding. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct SinterRoutine {
  const char* name;
  void* address;
} SinterRoutine;

/* `count` routines, each name once. */
const SinterRoutine* sinter_routines(int64_t* count);

#ifdef __cplusplus
}
#endif
