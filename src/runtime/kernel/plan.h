/* A program as one array of int64 without pointers (the plan image), and what runs from it: sizes and offsets for concrete symbol values,
   and a whole program on the calling thread. Read by Run, by objects linked ahead of time and by generated headers. Plain C, freestanding:
   nothing here allocates. Images are trusted: runtime/plan_image.h makes them from checked programs. Meaning: docs/decisions/003-runtime-abi.md. */
#pragma once

#include <stdint.h>

#include "runtime/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Words of the header. "at" is an index into the image. */
enum {
  SINTER_PLAN_VERSION_WORD, /* SINTER_ABI_VERSION */
  SINTER_PLAN_WORDS,        /* of the whole image */
  SINTER_PLAN_SYMBOLS,
  SINTER_PLAN_BUFFERS,
  SINTER_PLAN_BUFFERS_AT, /* records of SINTER_BUFFER_WORDS */
  SINTER_PLAN_KERNELS,
  SINTER_PLAN_KERNELS_AT,         /* records of SINTER_KERNEL_WORDS */
  SINTER_PLAN_ORDER,              /* arena buffers that do not take over another's memory, in the order of placing */
  SINTER_PLAN_ORDER_AT,           /* their numbers */
  SINTER_PLAN_MOST_BUFFERS,       /* of one kernel */
  SINTER_PLAN_MOST_DIMS,          /* of one kernel */
  SINTER_PLAN_SCRATCH_BYTES,      /* of one participant, for any kernel; a multiple of 64, at least 64 */
  SINTER_PLAN_LOOPS,
  SINTER_PLAN_LOOPS_AT, /* records of SINTER_LOOP_WORDS */
  SINTER_PLAN_STEPS,
  SINTER_PLAN_STEPS_AT, /* records of SINTER_STEP_WORDS */
  SINTER_PLAN_HEADER_WORDS
};

/* Words of a buffer. */
enum {
  SINTER_BUFFER_KIND,          /* 0 variable, 1 constant, 2 arena, 3 row: sinter::BufferKind */
  SINTER_BUFFER_INDEX,         /* into the variables or constants; of a row the earlier buffer that it is of */
  SINTER_BUFFER_LOOP,          /* of a row: which loop's */
  SINTER_BUFFER_ELEMENT_BYTES,
  SINTER_BUFFER_COUNT_AT,      /* code of the number of elements */
  SINTER_BUFFER_FIRST,         /* first kernel that uses its memory */
  SINTER_BUFFER_LAST,          /* last kernel that uses its memory, through all that take it over */
  SINTER_BUFFER_ROOT,          /* the buffer whose memory it is in the end; itself when it takes over none and is no row */
  SINTER_BUFFER_WORDS
};

/* Words of a kernel. */
enum {
  SINTER_KERNEL_INDEX,      /* into the table of kernels */
  SINTER_KERNEL_BUFFERS,
  SINTER_KERNEL_BUFFERS_AT, /* numbers of buffers */
  SINTER_KERNEL_DIMS,
  SINTER_KERNEL_DIMS_AT,    /* positions of their code */
  SINTER_KERNEL_TILES_AT,   /* code */
  SINTER_KERNEL_SITES,      /* failure sites of the kernels before this one */
  SINTER_KERNEL_WORDS
};

/* Words of a loop over rows. */
enum {
  SINTER_LOOP_LENGTH_AT, /* code */
  SINTER_LOOP_REVERSE,   /* 1: from the last row to the first */
  SINTER_LOOP_WORDS
};

/* Words of a step, and what it can be: sinter::Step. */
enum {
  SINTER_STEP_KIND,
  SINTER_STEP_SUBJECT,
  SINTER_STEP_TARGET, /* the number of a step; of a run the kernel after the last, while the subject is the first */
  SINTER_STEP_WORDS
};
enum { SINTER_STEP_RUN, SINTER_STEP_BEGIN, SINTER_STEP_NEXT, SINTER_STEP_JUMP, SINTER_STEP_UNLESS };

/* Postfix code of a dim: an operation per word, the constant or the symbol's number in the word after it. */
enum {
  SINTER_DIM_END,
  SINTER_DIM_CONSTANT,
  SINTER_DIM_SYMBOL,
  SINTER_DIM_ADD,
  SINTER_DIM_SUBTRACT,
  SINTER_DIM_MULTIPLY,
  SINTER_DIM_FLOOR_DIV,
  SINTER_DIM_MOD,
  SINTER_DIM_MIN,
  SINTER_DIM_MAX
};
#define SINTER_DIM_DEPTH 32 /* values on the stack at most */

/* What can be wrong with symbol values or memory; beside the codes of kernels (abi.h). */
enum {
  SINTER_PLAN_ARITHMETIC = 16, /* a dim overflows 64 bits or divides by zero */
  SINTER_PLAN_SIZE = 17,       /* a symbol or size is negative, or a size beyond SINTER_PLAN_MOST_BYTES */
  SINTER_PLAN_WORKSPACE = 18,  /* the workspace is too small */
  SINTER_PLAN_VERSION = 19     /* an image of another version */
};
#define SINTER_PLAN_MOST_BYTES (INT64_C(1) << 46)

/* The value of the code at `at`. */
int32_t sinter_plan_evaluate(const int64_t* image, int64_t at, const int64_t* symbols, int64_t* value);

/* Words of working memory that sinter_plan_layout wants: a constant of the image, two per buffer. After the layout word b holds the bytes of the
   block of each root b. */
int64_t sinter_plan_work_words(const int64_t* image);

/* Writes the offset of each buffer in the arena (bytes, multiples of 64; -1 for variables and constants) and the arena's size. */
int32_t sinter_plan_layout(const int64_t* image, const int64_t* symbols, int64_t* work, int64_t* offsets, int64_t* arena_bytes);

/* The arena's size alone, or minus an error code. `work` has sinter_plan_work_words plus one word per buffer. */
int64_t sinter_plan_arena_bytes(const int64_t* image, const int64_t* symbols, int64_t* work);

/* Bytes of workspace that sinter_plan_run wants, or minus an error code. `work` as above. */
int64_t sinter_plan_workspace_bytes(const int64_t* image, const int64_t* symbols, int64_t* work);

/* Runs the program on the calling thread. `kernels` has one entry per symbol (kernel_table in plan_image.h), `variables` one per port, `constants` one per
   constant. The workspace may stand anywhere and hold anything. Returns 0, a kernel's code with `failure` filled (its site counts through the
   program), or a code of the plan. */
int32_t sinter_plan_run(const int64_t* image, const SinterKernel* kernels, void* const* variables, void* const* constants,
                        const int64_t* symbols, void* workspace, int64_t workspace_bytes, SinterFailure* failure);

#ifdef __cplusplus
}
#endif
