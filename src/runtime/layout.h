// A program at concrete sizes: dims, tiles and offsets for one set of symbol values, and the pointers that its kernels are called with. Made by Run
// when a signature is first seen, then only pointed at memory. Knows nothing of threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/executable.h"
#include "runtime/tasks.h"

namespace sinter::runtime {

/// What a kernel is called with, for any participant.
struct KernelCall {
  SinterKernel code = nullptr;
  void* const* buffers = nullptr;
  const int64_t* dims = nullptr;
  int64_t tiles = 0;
};

class Layout {
 public:
  /// Raises Error kCheck when a dim cannot be evaluated, is negative, or too large.
  Layout(const Executable& executable, const SymbolValues& symbols);
  Layout(const Layout&) = delete;  // calls point into it
  Layout& operator=(const Layout&) = delete;

  /// Puts the base address of each buffer (in the order of Program::buffers; those of rows mean nothing) into the calls.
  void point(std::span<void* const> bases);
  /// Puts the addresses of the first row of a loop, or of the next, into the calls of its kernels; false when there is none. No kernel may run.
  bool begin_loop(size_t loop);
  bool next_row(size_t loop);
  /// Of a buffer now.
  void* address(size_t buffer) const { return addresses_[buffer]; }

  std::span<const KernelCall> calls() const { return calls_; }
  int64_t arena_bytes() const { return arena_bytes_; }
  int64_t offset(size_t buffer) const { return offsets_[buffer]; }  // bytes; -1 when not in the arena
  /// A kernel of the segment has tiles that are worth sharing out; else the calling thread runs it alone.
  bool is_shared(size_t segment) const { return shared_[segment]; }
  /// Per kernel.
  std::span<const KernelEstimate> estimates() const { return estimates_; }

  /// Per kernel, the kernels of its segment that come before it: `after` of the program, and those whose memory its buffers take over.
  std::vector<std::vector<int32_t>> dependencies() const;

 private:
  void lay_out(const SymbolValues& symbols);
  void size_kernels(const SymbolValues& symbols);
  void estimate(const SymbolValues& symbols);
  void find_rows(const SymbolValues& symbols);
  bool move_to(size_t loop, int64_t row);

  /// A buffer that is a row, and where calls point at it.
  struct Row {
    size_t buffer, whole;
    int64_t bytes;
    std::vector<void**> pointers;
  };
  struct Loop {
    int64_t length = 0, row = 0;
    bool reverse = false;
    std::vector<Row> rows;
  };

  const Executable& executable_;
  std::vector<int64_t> symbol_values_;  // in the order of Program::symbols
  std::vector<int64_t> offsets_;        // per buffer
  std::vector<int64_t> block_bytes_;    // per buffer that takes over no other
  int64_t arena_bytes_ = 0;
  std::vector<int64_t> dims_;    // of all kernels, one after another
  std::vector<void*> pointers_;  // likewise
  std::vector<KernelCall> calls_;
  std::vector<KernelEstimate> estimates_;
  std::vector<bool> shared_;  // per segment
  std::vector<void*> addresses_;  // per buffer
  std::vector<Loop> loops_;
};

}  // namespace sinter::runtime
