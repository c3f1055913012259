// A compiled function without its code: ports, buffers, kernels, segments. Made by the backend, run by the runtime, saved in the kernel
// cache, encoded into AOT objects, shown by `inspect` and `bench`, checked by the plan checker. Plain data; no pointers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/machine.h"
#include "base/memory_plan.h"
#include "base/role.h"
#include "base/tensor.h"

namespace sinter::runtime {

inline constexpr int kProgramVersion = 3;

/// A variable of the module that this function reads or writes.
struct Port {
  std::string name;
  Role role = Role::kInput;
  TensorType type;
  bool read = false, written = false;  // a parameter that is updated is both
};

enum class Access : uint8_t { kRead = 1, kWrite = 2, kReadWrite = 3 };

struct KernelBuffer {
  int32_t buffer = 0;  // into Program::buffers
  Access access = Access::kRead;
};

struct ProgramKernel {
  std::string name;      // for people: "matmul+add+maximum h1"
  std::string symbol;    // of the code; equal kernels share one
  std::string contents;  // the ops inside, by the model's node names: "dot_general h1, add h1, relu h1"
  std::vector<KernelBuffer> buffers;
  std::vector<Dim> dims;                   // values passed in SinterArgs::dims, over the program's symbols
  Dim tiles = 1;                           // how many tiles it is cut into
  int64_t scratch_bytes = 0;
  std::vector<int32_t> after;              // kernels of the same segment that must be complete before any tile of this one
  std::vector<std::string> failure_sites;  // the model's node name per failure site
  Dim flops = 0, bytes = 0;                // arithmetic (a transcendental counts as one) and compulsory memory traffic of one call
  Dim rounds = 1;                          // calls in one run of the program; of a while as if it went round once
  DType arithmetic = DType::kF32;          // of the operands of products, else of the first result
};

using sinter::RowLoop;
using sinter::Segment;
using sinter::Step;

struct Program {
  std::string module, function;
  TargetLevel target = TargetLevel::kV2;
  std::vector<std::string> symbols;  // bound at entry from the ports' extents
  std::vector<Port> ports;
  std::vector<PlannedBuffer> buffers;
  std::vector<ProgramKernel> kernels;  // in an order that is valid for one participant
  std::vector<Segment> segments;
  std::vector<RowLoop> loops;
  std::vector<Step> steps;  // none: all segments in order
  std::vector<Tensor> constants;

  int32_t find_port(std::string_view name) const;  // -1 when there is none
};

/// Flat, versioned bytes and back, for the kernel cache. `decode` raises Error kData on anything malformed and takes no memory on trust.
std::string encode(const Program& program);
Program decode(std::string_view bytes);

}  // namespace sinter::runtime
