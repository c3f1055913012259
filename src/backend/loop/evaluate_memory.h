// The memory of the loop evaluator: elements of all buffers, and for each who touched it. Included by evaluate*.cpp only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/loop/loop_ir.h"
#include "backend/loop/scalar_eval.h"
#include "base/tensor.h"

namespace sinter::loop {

/// A broken promise, before it is known where.
struct Fault {
  std::string what;
};

/// Who touches an element: a tile, and in a vector loop one iteration of it.
struct Toucher {
  int64_t tile = 0;
  int64_t loop = 0;  // counts the runs of vector loops; 0 outside
  int64_t iteration = 0;
};

class Memory {
 public:
  /// Scratch is taken here. Raises InternalError when `tensors` do not fit the kernel's buffers.
  Memory(const Kernel& kernel, std::vector<Tensor>& tensors, const SymbolValues& dims);

  /// The row-major position of an element. Raises Fault when an index is outside its axis.
  int64_t position(int32_t buffer, const std::vector<int64_t>& indices) const;

  /// Each raises Fault when the position is outside the buffer, or `who` may not do that.
  Scalar read(int32_t buffer, int64_t position, const Toucher& who);
  void write(int32_t buffer, int64_t position, Scalar value, const Toucher& who);

  bool overlap(int32_t a, int32_t b) const;
  /// The first element of a `write` buffer that nobody wrote, or nothing.
  std::string find_unwritten() const;

 private:
  struct Touches {
    int64_t writer = -1, readers[2] = {-1, -1};  // tiles; two different readers say as much as more would
    int32_t written_through = -1;                // buffer
    int64_t write_loop = 0, write_iteration = 0, read_loop = 0, read_iteration = 0;
  };
  /// Memory that buffers share; one record per unit of the smallest element in it.
  struct Block {
    const std::byte* begin = nullptr;
    size_t bytes = 0, unit = 1;
    bool private_to_tile = false;  // scratch
    std::vector<Touches> touches;  // empty where nobody writes
  };
  struct Place {
    const Buffer* buffer = nullptr;
    Tensor tensor;
    Extents extents;
    size_t block = 0;
  };

  void join_blocks();
  std::span<Touches> touches(const Place& place, int64_t position);
  std::string spell(const Place& place, int64_t position) const;
  void check_bounds(const Place& place, int64_t position) const;

  std::vector<Place> places_;
  std::vector<Block> blocks_;
};

}  // namespace sinter::loop
