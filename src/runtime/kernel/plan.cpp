#include "runtime/kernel/plan.h"

namespace {

constexpr int64_t kAlign = 64;

int64_t aligned(int64_t bytes) { return (bytes + kAlign - 1) & -kAlign; }

const int64_t* buffer_record(const int64_t* image, int64_t buffer) {
  return image + image[SINTER_PLAN_BUFFERS_AT] + buffer * SINTER_BUFFER_WORDS;
}

const int64_t* kernel_record(const int64_t* image, int64_t kernel) {
  return image + image[SINTER_PLAN_KERNELS_AT] + kernel * SINTER_KERNEL_WORDS;
}

/* Floor division and the modulo that goes with it; false when undefined. */
bool floor_divide(int64_t a, int64_t b, int64_t* quotient, int64_t* modulo) {
  if (b == 0 || (a == INT64_MIN && b == -1)) return false;
  *quotient = a / b;
  *modulo = a % b;
  if (*modulo != 0 && (*modulo < 0) != (b < 0)) {
    *quotient -= 1;
    *modulo += b;
  }
  return true;
}

bool apply(int64_t operation, int64_t a, int64_t b, int64_t* result) {
  int64_t other = 0;
  switch (operation) {
    case SINTER_DIM_ADD: return !__builtin_add_overflow(a, b, result);
    case SINTER_DIM_SUBTRACT: return !__builtin_sub_overflow(a, b, result);
    case SINTER_DIM_MULTIPLY: return !__builtin_mul_overflow(a, b, result);
    case SINTER_DIM_FLOOR_DIV: return floor_divide(a, b, result, &other);
    case SINTER_DIM_MOD: return floor_divide(a, b, &other, result);
    case SINTER_DIM_MIN: *result = a < b ? a : b; return true;
    case SINTER_DIM_MAX: *result = a < b ? b : a; return true;
    default: return false;
  }
}

/* Bytes that a buffer takes in the arena. */
int32_t arena_size(const int64_t* image, const int64_t* record, const int64_t* symbols, int64_t* bytes) {
  int64_t count = 0;
  const int32_t code = sinter_plan_evaluate(image, record[SINTER_BUFFER_COUNT_AT], symbols, &count);
  if (code != SINTER_OK) return code;
  if (count < 0 || __builtin_mul_overflow(count, record[SINTER_BUFFER_ELEMENT_BYTES], bytes)) return SINTER_PLAN_SIZE;
  if (*bytes > SINTER_PLAN_MOST_BYTES) return SINTER_PLAN_SIZE;
  *bytes = *bytes < kAlign ? kAlign : aligned(*bytes);
  return SINTER_OK;
}

/* Freed blocks whose memory is tried, those freed last first: what came before them has left the caches near a core. */
constexpr int64_t kWarm = 8;

/* Blocks, linked in two lists that share `next`: those in use in the order of their offsets, and those no longer in use whose memory nobody
   took whole, the one freed last first. */
struct Arena {
  const int64_t* image;
  const int64_t* sizes;
  int64_t* offsets;
  int64_t* next; /* -1 ends a list */
  int64_t used, freed;
};

int64_t last_kernel(const Arena* arena, int64_t block) { return buffer_record(arena->image, block)[SINTER_BUFFER_LAST]; }

/* Frees what is dead at kernel `first`. */
void free_before(Arena* arena, int64_t first) {
  for (int64_t* link = &arena->used; *link >= 0;) {
    const int64_t block = *link;
    if (last_kernel(arena, block) >= first) {
      link = &arena->next[block];
      continue;
    }
    *link = arena->next[block];
    int64_t* earlier = &arena->freed;
    while (*earlier >= 0 && last_kernel(arena, *earlier) >= last_kernel(arena, block)) earlier = &arena->next[*earlier];
    arena->next[block] = *earlier;
    *earlier = block;
  }
}

void put(Arena* arena, int64_t buffer, int64_t at, int64_t* link) {
  arena->offsets[buffer] = at;
  arena->next[buffer] = *link;
  *link = buffer;
}

/* The link where bytes [at, at + size) belong among the blocks in use; none when they meet one. */
int64_t* gap_at(Arena* arena, int64_t at, int64_t size) {
  int64_t* link = &arena->used;
  for (; *link >= 0 && arena->offsets[*link] < at + size; link = &arena->next[*link])
    if (arena->offsets[*link] + arena->sizes[*link] > at) return 0;
  return link;
}

/* Places `buffer` where the block freed last began, if it fits below `limit`; whether it did. */
bool place_warm(Arena* arena, int64_t buffer, int64_t limit) {
  const int64_t size = arena->sizes[buffer];
  int64_t* from = &arena->freed;
  for (int64_t i = 0; i < kWarm && *from >= 0; ++i, from = &arena->next[*from]) {
    const int64_t at = arena->offsets[*from];
    int64_t* link = at + size <= limit ? gap_at(arena, at, size) : 0;
    if (link == 0) continue;
    *from = arena->next[*from];
    put(arena, buffer, at, link);
    return true;
  }
  return false;
}

/* Places `buffer` at the lowest offset where it fits. */
void place_low(Arena* arena, int64_t buffer) {
  int64_t* link = &arena->used;
  int64_t at = 0;
  for (; *link >= 0 && arena->offsets[*link] - at < arena->sizes[buffer]; link = &arena->next[*link])
    at = arena->offsets[*link] + arena->sizes[*link];
  put(arena, buffer, at, link);
}

/* Places all buffers in their order, in warm memory below `warm_limit` where there is some: the bytes of the arena, -1 when too many. */
int64_t place_all(Arena* arena, int64_t warm_limit) {
  const int64_t* order = arena->image + arena->image[SINTER_PLAN_ORDER_AT];
  int64_t arena_bytes = 0;
  arena->used = arena->freed = -1;
  for (int64_t i = 0; i < arena->image[SINTER_PLAN_ORDER]; ++i) {
    const int64_t b = order[i];
    free_before(arena, buffer_record(arena->image, b)[SINTER_BUFFER_FIRST]);
    if (!place_warm(arena, b, warm_limit)) place_low(arena, b);
    const int64_t end = arena->offsets[b] + arena->sizes[b];
    if (end > SINTER_PLAN_MOST_BYTES) return -1;
    if (arena_bytes < end) arena_bytes = end;
  }
  return arena_bytes;
}

/* The parts of a workspace, in bytes from its first multiple of 64. */
struct Workspace {
  int64_t work, offsets, rows, pointers, dims, scratch, arena, end;
};

Workspace workspace_parts(const int64_t* image, int64_t arena_bytes) {
  Workspace parts;
  parts.work = 0;
  parts.offsets = parts.work + aligned(sinter_plan_work_words(image) * 8);
  parts.rows = parts.offsets + aligned(image[SINTER_PLAN_BUFFERS] * 8);
  parts.pointers = parts.rows + aligned(image[SINTER_PLAN_LOOPS] * 8);
  parts.dims = parts.pointers + aligned(image[SINTER_PLAN_MOST_BUFFERS] * (int64_t)sizeof(void*));
  parts.scratch = parts.dims + aligned(image[SINTER_PLAN_MOST_DIMS] * 8);
  parts.arena = parts.scratch + image[SINTER_PLAN_SCRATCH_BYTES];
  parts.end = parts.arena + arena_bytes + kAlign; /* room to begin at a multiple of 64 */
  return parts;
}

struct Call {
  const int64_t* image;
  const SinterKernel* kernels;
  void* const* variables;
  void* const* constants;
  const int64_t* symbols;
  const int64_t* offsets;
  int64_t* rows; /* per loop: the row it is at */
  char* arena;
  void** pointers;
  int64_t* dims;
  SinterArgs args;
};

int32_t buffer_address(const Call* call, int64_t buffer, void** address) {
  int64_t from = 0; /* bytes from the beginning of what the rows are of; no more than its size, which the layout has held against all bounds */
  const int64_t* record = buffer_record(call->image, buffer);
  for (; record[SINTER_BUFFER_KIND] == 3; record = buffer_record(call->image, buffer)) {
    int64_t count = 0;
    const int32_t code = sinter_plan_evaluate(call->image, record[SINTER_BUFFER_COUNT_AT], call->symbols, &count);
    if (code != SINTER_OK) return code;
    from += call->rows[record[SINTER_BUFFER_LOOP]] * count * record[SINTER_BUFFER_ELEMENT_BYTES];
    buffer = record[SINTER_BUFFER_INDEX];
  }
  const int64_t kind = record[SINTER_BUFFER_KIND], index = record[SINTER_BUFFER_INDEX];
  char* base = kind == 0 ? (char*)call->variables[index] : kind == 1 ? (char*)call->constants[index] : call->arena + call->offsets[buffer];
  *address = base + from;
  return SINTER_OK;
}

int32_t run_kernel(Call* call, const int64_t* record) {
  for (int64_t i = 0; i < record[SINTER_KERNEL_BUFFERS]; ++i) {
    const int32_t code = buffer_address(call, call->image[record[SINTER_KERNEL_BUFFERS_AT] + i], &call->pointers[i]);
    if (code != SINTER_OK) return code;
  }
  for (int64_t i = 0; i < record[SINTER_KERNEL_DIMS]; ++i) {
    const int32_t code =
        sinter_plan_evaluate(call->image, call->image[record[SINTER_KERNEL_DIMS_AT] + i], call->symbols, &call->dims[i]);
    if (code != SINTER_OK) return code;
  }
  int64_t tiles = 0;
  const int32_t code = sinter_plan_evaluate(call->image, record[SINTER_KERNEL_TILES_AT], call->symbols, &tiles);
  if (code != SINTER_OK) return code;
  if (tiles < 0) return SINTER_PLAN_SIZE;
  return tiles == 0 ? SINTER_OK : call->kernels[record[SINTER_KERNEL_INDEX]](&call->args, 0, tiles);
}

int32_t run_kernels(Call* call, int64_t first, int64_t end) {
  for (int64_t k = first; k < end; ++k) {
    const int64_t* record = kernel_record(call->image, k);
    const int32_t code = run_kernel(call, record);
    if (code == SINTER_OK) continue;
    if (code < SINTER_PLAN_ARITHMETIC) {
      call->args.failure->code = code;
      call->args.failure->site += (int32_t)record[SINTER_KERNEL_SITES];
    }
    return code;
  }
  return SINTER_OK;
}

/* Moves a loop to its first or its next row; whether there is one. */
int32_t move_loop(Call* call, int64_t loop, int32_t begins, int32_t* goes_on) {
  const int64_t* record = call->image + call->image[SINTER_PLAN_LOOPS_AT] + loop * SINTER_LOOP_WORDS;
  int64_t length = 0;
  const int32_t code = sinter_plan_evaluate(call->image, record[SINTER_LOOP_LENGTH_AT], call->symbols, &length);
  if (code != SINTER_OK) return code;
  int64_t* row = &call->rows[loop];
  if (begins) {
    *row = record[SINTER_LOOP_REVERSE] ? length - 1 : 0;
  } else {
    *row += record[SINTER_LOOP_REVERSE] ? -1 : 1;
  }
  *goes_on = 0 <= *row && *row < length;
  return SINTER_OK;
}

/* Takes one step: `next` is that after it, or its target. */
int32_t take_step(Call* call, const int64_t* step, int64_t* next) {
  const int64_t subject = step[SINTER_STEP_SUBJECT], target = step[SINTER_STEP_TARGET];
  int32_t goes_on = 0;
  int32_t code = SINTER_OK;
  void* address = 0;
  switch (step[SINTER_STEP_KIND]) {
    case SINTER_STEP_RUN: return run_kernels(call, subject, target);
    case SINTER_STEP_BEGIN:
      code = move_loop(call, subject, 1, &goes_on);
      if (!goes_on) *next = target;
      return code;
    case SINTER_STEP_NEXT:
      code = move_loop(call, subject, 0, &goes_on);
      if (goes_on) *next = target;
      return code;
    case SINTER_STEP_JUMP: *next = target; return SINTER_OK;
    default:
      code = buffer_address(call, subject, &address);
      if (code == SINTER_OK && *(const uint8_t*)address == 0) *next = target;
      return code;
  }
}

}  // namespace

int32_t sinter_plan_evaluate(const int64_t* image, int64_t at, const int64_t* symbols, int64_t* value) {
  int64_t stack[SINTER_DIM_DEPTH];
  int64_t depth = 0;
  for (const int64_t* code = image + at; *code != SINTER_DIM_END; ++code) {
    if (*code == SINTER_DIM_CONSTANT) {
      stack[depth++] = *++code;
    } else if (*code == SINTER_DIM_SYMBOL) {
      stack[depth++] = symbols[*++code];
    } else {
      --depth;
      if (!apply(*code, stack[depth - 1], stack[depth], &stack[depth - 1])) return SINTER_PLAN_ARITHMETIC;
    }
  }
  *value = stack[0];
  return SINTER_OK;
}

int64_t sinter_plan_work_words(const int64_t* image) { return 2 * image[SINTER_PLAN_BUFFERS]; }

int32_t sinter_plan_layout(const int64_t* image, const int64_t* symbols, int64_t* work, int64_t* offsets, int64_t* arena_bytes) {
  if (image[SINTER_PLAN_VERSION_WORD] != SINTER_ABI_VERSION) return SINTER_PLAN_VERSION;
  for (int64_t i = 0; i < image[SINTER_PLAN_SYMBOLS]; ++i)
    if (symbols[i] < 0) return SINTER_PLAN_SIZE;
  const int64_t count = image[SINTER_PLAN_BUFFERS];
  int64_t* sizes = work;
  for (int64_t b = 0; b < count; ++b) {
    sizes[b] = 0;
    offsets[b] = -1;
    const int64_t* record = buffer_record(image, b);
    int64_t bytes = 0;
    const int32_t code = arena_size(image, record, symbols, &bytes); /* of variables too: no memory of the caller is that large */
    if (code != SINTER_OK) return code;
    if (record[SINTER_BUFFER_KIND] != 2) continue;
    int64_t* size = &sizes[record[SINTER_BUFFER_ROOT]]; /* roots come before those that take them over */
    if (*size < bytes) *size = bytes;
  }
  Arena arena = {image, sizes, offsets, work + count, -1, -1};
  const int64_t least = place_all(&arena, 0); /* first fit alone */
  if (least < 0) return SINTER_PLAN_SIZE;
  *arena_bytes = place_all(&arena, least);
  if (*arena_bytes < 0 || *arena_bytes > least) *arena_bytes = place_all(&arena, 0);
  for (int64_t b = 0; b < count; ++b) {
    const int64_t* record = buffer_record(image, b);
    if (record[SINTER_BUFFER_KIND] == 2) offsets[b] = offsets[record[SINTER_BUFFER_ROOT]];
  }
  return SINTER_OK;
}

int64_t sinter_plan_arena_bytes(const int64_t* image, const int64_t* symbols, int64_t* work) {
  int64_t bytes = 0;
  const int32_t code = sinter_plan_layout(image, symbols, work, work + sinter_plan_work_words(image), &bytes);
  return code == SINTER_OK ? bytes : -(int64_t)code;
}

int64_t sinter_plan_workspace_bytes(const int64_t* image, const int64_t* symbols, int64_t* work) {
  const int64_t arena = sinter_plan_arena_bytes(image, symbols, work);
  return arena < 0 ? arena : workspace_parts(image, arena).end;
}

int32_t sinter_plan_run(const int64_t* image, const SinterKernel* kernels, void* const* variables, void* const* constants,
                        const int64_t* symbols, void* workspace, int64_t workspace_bytes, SinterFailure* failure) {
  if (workspace_parts(image, 0).end > workspace_bytes) return SINTER_PLAN_WORKSPACE;
  char* base = (char*)(((uintptr_t)workspace + kAlign - 1) & -(uintptr_t)kAlign);
  const Workspace parts = workspace_parts(image, 0);
  int64_t* offsets = (int64_t*)(base + parts.offsets);
  int64_t arena_bytes = 0;
  int32_t code = sinter_plan_layout(image, symbols, (int64_t*)(base + parts.work), offsets, &arena_bytes);
  if (code != SINTER_OK) return code;
  if (workspace_parts(image, arena_bytes).end > workspace_bytes) return SINTER_PLAN_WORKSPACE;

  Call call = {image, kernels, variables, constants, symbols, offsets, (int64_t*)(base + parts.rows), base + parts.arena,
               (void**)(base + parts.pointers), (int64_t*)(base + parts.dims), {}};
  call.args = {call.pointers, call.dims, base + parts.scratch, failure};
  *failure = {};
  for (int64_t at = 0; at < image[SINTER_PLAN_STEPS];) {
    const int64_t* step = image + image[SINTER_PLAN_STEPS_AT] + at * SINTER_STEP_WORDS;
    ++at;
    code = take_step(&call, step, &at);
    if (code != SINTER_OK) return code;
  }
  return SINTER_OK;
}
