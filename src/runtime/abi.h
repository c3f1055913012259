/* The run-time ABI: what a compiled kernel is called with, and how it fails (docs/decisions/003-runtime-abi.md).
   Plain C, freestanding: read by the emitter, the runtime, runtime/kernel and generated headers. */
#pragma once

#include <stdint.h>

#define SINTER_ABI_VERSION 2

#ifdef __cplusplus
extern "C" {
#endif

/* Why a kernel stopped. */
enum {
  SINTER_OK = 0,
  SINTER_INDEX_OUT_OF_RANGE = 1, /* an index from data: value not in [0, limit) */
  SINTER_CHECK_FAILED = 2        /* a run-time check: value differs from limit */
};

/* Filled by the kernel that fails. `site` counts the kernel's failure sites; the program names the model's node of each. */
typedef struct SinterFailure {
  int32_t code;
  int32_t site;
  int64_t value;
  int64_t limit;
} SinterFailure;

/* One participant's view of one kernel. The arrays are the kernel's own, in the order the program lists them. */
typedef struct SinterArgs {
  void* const* buffers;   /* base pointers, 64-byte aligned unless the caller's own */
  const int64_t* dims;    /* values of the kernel's dims */
  void* scratch;          /* this participant's scratch, 64-byte aligned; as many bytes as the program says */
  SinterFailure* failure; /* this participant's slot */
} SinterArgs;

/* Computes tiles [tile_begin, tile_end). Tiles are independent of each other and of who computes them. Returns SINTER_OK or, after
   filling the failure slot, its code. Never throws, blocks, or keeps state. */
typedef int32_t (*SinterKernel)(const SinterArgs* args, int64_t tile_begin, int64_t tile_end);

#ifdef __cplusplus
}
#endif
