// What all lowerings of fusion kinds write into: one loop kernel being built, with its buffers, names and bounds.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "backend/loop/loop_ir.h"
#include "base/machine.h"
#include "ir/graph.h"

namespace sinter::backend {

/// The buffers that a body's arguments and results are bound to.
struct BodyBuffers {
  std::vector<int32_t> arguments, results;
};

/// The tiles of one section of a kernel: its body runs with the section's own tile number 0 .. tiles-1.
struct Section {
  Dim tiles;
  loop::Body body;
};

class KernelBuilder {
 public:
  KernelBuilder(std::string name, const Target& target) : target_(target) { kernel_.name = std::move(name); }

  const Target& target() const { return target_; }
  /// Vector lanes for elements of `dtype` computed with.
  int lanes(DType dtype) const { return target_.lanes(static_cast<int>(size_in_bytes(dtype))); }

  /// Declares a buffer of the caller; all of them before the first scratch.
  int32_t add_buffer(DType dtype, Shape shape, loop::BufferUse use);
  /// The same memory under another shape is another view of the buffer in the loop language: a flat view for kernels that need no axes.
  void reshape_buffer(int32_t buffer, Shape shape) { kernel_.buffers[static_cast<size_t>(buffer)].shape = std::move(shape); }
  const loop::Buffer& buffer(int32_t index) const { return kernel_.buffers[static_cast<size_t>(index)]; }
  int32_t add_scratch(DType dtype, int64_t elements);
  /// A name that no other in the kernel has. Symbols of the model are reserved before the first.
  std::string fresh(std::string_view stem);
  void reserve(const ir::Graph& body);
  int32_t add_failure_site(std::string node);
  const std::vector<std::string>& failure_sites() const { return failure_sites_; }

  /// Exclusive upper bounds of loop variables, used to simplify index expressions.
  void set_bound(const std::string& variable, Dim exclusive_upper) { bounds_[variable] = std::move(exclusive_upper); }
  const DimMap& bounds() const { return bounds_; }

  /// Closes the kernel: the dims are the symbols it uses other than loop variables and `tile`.
  loop::Kernel finish(Section section);

 private:
  Target target_;
  loop::Kernel kernel_;
  std::vector<loop::Buffer> scratch_;
  std::vector<std::string> failure_sites_;
  DimMap bounds_;
  std::set<std::string> reserved_;
  int next_name_ = 0;
};

/// Row-major position of `index` in `shape`.
Dim linearize(const std::vector<Dim>& index, const Shape& shape);
/// The index whose row-major position in dims [begin, end) of `shape` is `position`.
std::vector<Dim> delinearize(const Dim& position, const Shape& shape, size_t begin, size_t end);

}  // namespace sinter::backend
