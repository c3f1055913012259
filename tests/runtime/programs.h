// Programs built by hand for the tests of the runtime: kernels in C++ under the run-time ABI, and a builder that wires them up.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/executable.h"
#include "runtime/order.h"

namespace sinter::runtime::test {

inline constexpr int64_t kTile = 64;  // elements of a tile of the kernels below

// out[i] = a * x[i] + y[i] with a = 1.5; buffers x, y, out; dims: n.
int32_t saxpy(const SinterArgs* args, int64_t begin, int64_t end);
// out[tile] = sum of x in the tile, in scratch first; buffers x, out; dims: n.
int32_t tile_sums(const SinterArgs* args, int64_t begin, int64_t end);
// out[0] = sum of partial[0 .. tiles) in rising order; buffers partial, out; dims: number of partials. One tile.
int32_t total(const SinterArgs* args, int64_t begin, int64_t end);
// x[i] = x[i] * 0.5 + s[0]; in place; buffers x, s; dims: n.
int32_t halve_in_place(const SinterArgs* args, int64_t begin, int64_t end);
// Copies x to out, fails at site 0 where x[i] < 0 (value i, limit n); buffers x, out; dims: n.
int32_t copy_positive(const SinterArgs* args, int64_t begin, int64_t end);
// Nothing at all.
int32_t nothing(const SinterArgs* args, int64_t begin, int64_t end);

/// Adds ports, buffers and kernels one after another; lifetimes and dependencies follow from use.
class ProgramBuilder {
 public:
  explicit ProgramBuilder(std::string function = "test") { program_.function = std::move(function); program_.module = "test"; }

  void symbol(const std::string& name) { program_.symbols.push_back(name); }
  int32_t port(const std::string& name, Role role, TensorType type);
  /// One that is only read, or only written.
  int32_t port(const std::string& name, Role role, TensorType type, Access access);
  int32_t temporary(const std::string& name, TensorType type, int32_t shares = -1);
  int32_t constant(Tensor value);
  /// flops are large by default, so that a team takes part.
  ProgramKernel& kernel(SinterKernel code, std::string symbol, std::vector<KernelBuffer> buffers, std::vector<Dim> dims, Dim tiles,
                        int64_t flops = 1 << 20);
  void end_segment();

  Program program() const;  // finished: lifetimes, segments, order
  std::shared_ptr<const Executable> executable(std::shared_ptr<const Executable> preparation = nullptr) const;

 private:
  Program program_;
  std::vector<SinterKernel> code_;
};

inline KernelBuffer reads(int32_t buffer) { return {buffer, Access::kRead}; }
inline KernelBuffer writes(int32_t buffer) { return {buffer, Access::kWrite}; }
inline KernelBuffer updates(int32_t buffer) { return {buffer, Access::kReadWrite}; }

inline Dim tiles_of(const Dim& n) { return ceil_div(n, kTile); }
inline TensorType f32(Dim n) { return {DType::kF32, Shape{n}}; }

/// Inputs x, y f32[n]; state w f32[n], updated; outputs z f32[n], sum f32[]: two independent chains of saxpy with temporaries that reuse memory, a tree of
/// sums, an update in place. `depth` kernels per chain.
std::shared_ptr<const Executable> chains(int depth);

/// x f32[n] with values from a fixed sequence.
Tensor numbers(int64_t n, uint32_t seed);

/// A state with the program's parameters and state variables, extents with the symbol n as given.
State state_for(const Program& program, int64_t n);

}  // namespace sinter::runtime::test
