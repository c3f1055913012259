// The cost model of fuse: what a value costs to pass through memory, and an element to compute. Rough on purpose: it
// compares two ways of computing the same thing. Symbols count as FuseOptions::symbol.
#pragma once

#include <string>

#include "passes/fuse.h"
#include "passes/fuse/groups.h"

namespace sinter::passes {

class CostModel {
 public:
  explicit CostModel(const FuseOptions& options) : options_(options) {}

  double elements(const Shape& shape) const;
  double bytes(const TensorType& type) const;
  /// Of moving so many bytes once, in a working set of this size.
  double transfer(double bytes) const;
  double arithmetic(double operations) const { return operations / options_.simple_operations; }
  double kernel() const { return options_.kernel_time; }
  /// The time a group's kernel takes alone, launch included.
  double time(const Groups& groups, int32_t group) const;

 private:
  const FuseOptions& options_;
};

std::string nanoseconds(double time);  // "0.42 us"
std::string kilobytes(double bytes);   // "16.0 KiB"

}  // namespace sinter::passes
