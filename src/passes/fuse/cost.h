// The cost model of fuse: what some groups cost as one kernel, and as several. Rough on purpose: it compares two ways of
// computing the same thing, from shapes, caches and the width of vectors, never from timing. Symbols count as
// FuseOptions::symbol.
#pragma once

#include <string>
#include <unordered_map>

#include "passes/fuse.h"
#include "passes/fuse/groups.h"

namespace sinter::passes {

/// Where the arrays of some kernels are found when the next of them reads them: the smallest cache that holds them all.
struct CacheLevel {
  const char* name;
  double rate;  // bytes per nanosecond
};

class CostModel {
 public:
  CostModel(const FuseOptions& options, const Groups& groups) : options_(options), groups_(groups) {}

  double elements(const Shape& shape) const;
  double elements(ir::Value value) const;
  double bytes(ir::Value value) const;
  CacheLevel level_of(double bytes) const;
  double arithmetic(double operations) const { return operations / options_.simple_operations; }
  double kernel() const { return options_.kernel_time; }

  /// A kernel of its own, launch included, its arrays in this cache.
  double time(const Groups::Streams& streams, const CacheLevel& level, double arithmetic) const;
  /// The same of one group that has the caches for itself.
  double time(int32_t group) const;
  /// Of all its nodes, in nanoseconds: the tails of vectors count as whole vectors.
  double arithmetic_of(int32_t group) const;
  double bytes(const std::vector<ir::Value>& values) const;

 private:
  double padded(ir::Value value) const;
  double operations_of(int32_t node) const;

  const FuseOptions& options_;
  const Groups& groups_;
  mutable std::unordered_map<int32_t, double> elements_, operations_;  // per value, per node
};

std::string microseconds(double time);  // "0.42 us", of nanoseconds
std::string kilobytes(double bytes);    // "16.0 KiB"

}  // namespace sinter::passes
