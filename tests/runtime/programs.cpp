#include "runtime/programs.h"

#include <algorithm>

#include "base/random.h"

namespace sinter::runtime::test {
namespace {

float* floats(const SinterArgs* args, size_t buffer) { return static_cast<float*>(args->buffers[buffer]); }

template <class Body> void each(const SinterArgs* args, int64_t begin, int64_t end, Body&& body) {
  const int64_t last = std::min(end * kTile, args->dims[0]);
  for (int64_t i = begin * kTile; i < last; ++i) body(i);
}

}  // namespace

int32_t saxpy(const SinterArgs* args, int64_t begin, int64_t end) {
  const float *x = floats(args, 0), *y = floats(args, 1);
  float* out = floats(args, 2);
  each(args, begin, end, [&](int64_t i) { out[i] = 1.5f * x[i] + y[i]; });
  return SINTER_OK;
}

int32_t tile_sums(const SinterArgs* args, int64_t begin, int64_t end) {
  for (int64_t tile = begin; tile < end; ++tile) {
    float* lanes = static_cast<float*>(args->scratch);
    std::fill(lanes, lanes + 8, 0.0f);
    each(args, tile, tile + 1, [&](int64_t i) { lanes[i % 8] += floats(args, 0)[i]; });
    float sum = 0;
    for (int lane = 0; lane < 8; ++lane) sum += lanes[lane];
    floats(args, 1)[tile] = sum;
  }
  return SINTER_OK;
}

int32_t total(const SinterArgs* args, int64_t, int64_t) {
  float sum = 0;
  for (int64_t i = 0; i < args->dims[0]; ++i) sum += floats(args, 0)[i];
  floats(args, 1)[0] = sum;
  return SINTER_OK;
}

int32_t halve_in_place(const SinterArgs* args, int64_t begin, int64_t end) {
  float* x = floats(args, 0);
  const float s = floats(args, 1)[0];
  each(args, begin, end, [&](int64_t i) { x[i] = x[i] * 0.5f + s * 1e-3f; });
  return SINTER_OK;
}

int32_t copy_positive(const SinterArgs* args, int64_t begin, int64_t end) {
  const int64_t last = std::min(end * kTile, args->dims[0]);
  for (int64_t i = begin * kTile; i < last; ++i) {
    if (floats(args, 0)[i] < 0) {
      *args->failure = {SINTER_INDEX_OUT_OF_RANGE, 0, i, args->dims[0]};
      return SINTER_INDEX_OUT_OF_RANGE;
    }
    floats(args, 1)[i] = floats(args, 0)[i];
  }
  return SINTER_OK;
}

int32_t nothing(const SinterArgs*, int64_t, int64_t) { return SINTER_OK; }

int32_t ProgramBuilder::port(const std::string& name, Role role, TensorType type) {
  program_.ports.push_back({name, role, type, role != Role::kOutput, role != Role::kInput});
  program_.buffers.push_back({type, BufferKind::kVariable, static_cast<int32_t>(program_.ports.size()) - 1, 0, 0, -1, name});
  return static_cast<int32_t>(program_.buffers.size()) - 1;
}

int32_t ProgramBuilder::port(const std::string& name, Role role, TensorType type, Access access) {
  const int32_t buffer = port(name, role, std::move(type));
  program_.ports.back().read = access != Access::kWrite;
  program_.ports.back().written = access != Access::kRead;
  return buffer;
}

int32_t ProgramBuilder::temporary(const std::string& name, TensorType type, int32_t shares) {
  program_.buffers.push_back({type, BufferKind::kArena, -1, -1, -1, shares, name});
  return static_cast<int32_t>(program_.buffers.size()) - 1;
}

int32_t ProgramBuilder::constant(Tensor value) {
  program_.buffers.push_back({{value.dtype(), Shape::of(value.extents())}, BufferKind::kConstant, static_cast<int32_t>(program_.constants.size()), 0, 0, -1, "constant"});
  program_.constants.push_back(std::move(value));
  return static_cast<int32_t>(program_.buffers.size()) - 1;
}

ProgramKernel& ProgramBuilder::kernel(SinterKernel code, std::string symbol, std::vector<KernelBuffer> buffers, std::vector<Dim> dims, Dim tiles,
                                      int64_t flops) {
  const int32_t k = static_cast<int32_t>(program_.kernels.size());
  for (const KernelBuffer& use : buffers) {
    PlannedBuffer& buffer = program_.buffers[static_cast<size_t>(use.buffer)];
    if (buffer.kind != BufferKind::kArena) continue;
    if (buffer.first_kernel < 0) buffer.first_kernel = k;
    buffer.last_kernel = k;
  }
  ProgramKernel kernel;
  kernel.name = symbol + " " + std::to_string(k);
  kernel.symbol = std::move(symbol);
  kernel.buffers = std::move(buffers);
  kernel.dims = std::move(dims);
  kernel.tiles = std::move(tiles);
  kernel.scratch_bytes = 64;
  kernel.failure_sites = {"node" + std::to_string(k)};
  kernel.flops = flops;
  code_.push_back(code);
  return program_.kernels.emplace_back(std::move(kernel));
}

void ProgramBuilder::end_segment() {
  const int32_t done = program_.segments.empty() ? 0 : program_.segments.back().first + program_.segments.back().count;
  program_.segments.push_back({done, static_cast<int32_t>(program_.kernels.size()) - done});
}

Program ProgramBuilder::program() const {
  ProgramBuilder copy = *this;
  copy.end_segment();
  order_kernels(copy.program_);
  return std::move(copy.program_);
}

std::shared_ptr<const Executable> ProgramBuilder::executable(std::shared_ptr<const Executable> preparation) const {
  return std::make_shared<Executable>(program(), code_, nullptr, std::move(preparation));
}

std::shared_ptr<const Executable> chains(int depth) {
  ProgramBuilder b;
  b.symbol("n");
  const Dim n = Dim::symbol("n");
  const int32_t x = b.port("x", Role::kInput, f32(n)), y = b.port("y", Role::kInput, f32(n));
  const int32_t w = b.port("w", Role::kState, f32(n));
  const int32_t z = b.port("z", Role::kOutput, f32(n)), sum = b.port("sum", Role::kOutput, {DType::kF32, Shape{}});
  int32_t left = x, right = y;
  for (int i = 0; i < depth; ++i) {
    const int32_t l = b.temporary("left", f32(n)), r = b.temporary("right", f32(n));
    b.kernel(saxpy, "saxpy", {reads(left), reads(i % 3 == 0 ? w : y), writes(l)}, {n}, tiles_of(n));
    b.kernel(saxpy, "saxpy", {reads(right), reads(x), writes(r)}, {n}, tiles_of(n));
    left = l;
    right = r;
  }
  const int32_t partial = b.temporary("partial", f32(tiles_of(n)));
  b.kernel(tile_sums, "tile_sums", {reads(left), writes(partial)}, {n}, tiles_of(n));
  b.kernel(total, "total", {reads(partial), writes(sum)}, {tiles_of(n)}, 1);
  b.end_segment();
  b.kernel(saxpy, "saxpy", {reads(left), reads(right), writes(z)}, {n}, tiles_of(n));
  b.kernel(halve_in_place, "halve", {updates(w), reads(sum)}, {n}, tiles_of(n));
  return b.executable();
}

Tensor numbers(int64_t n, uint32_t seed) {
  Tensor result(DType::kF32, {n});
  RandomSequence random(seed, 1);
  for (float& value : result.span<float>()) value = static_cast<float>(random.uniform());
  return result;
}

State state_for(const Program& program, int64_t n) {
  State state;
  for (const Port& port : program.ports)
    if (port.role == Role::kParameter || port.role == Role::kState)
      state.declare(port.name, port.role, {port.type.dtype, port.type.shape.substitute({{"n", n}})});
  return state;
}

}  // namespace sinter::runtime::test
