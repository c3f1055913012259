// Samples that are brought into memory batch by batch: from a mapped file, from pictures on disk, from bytes that become floats. Made by the data
// sources, used by Batches and by whatever goes through all samples.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/hash.h"
#include "base/tensor.h"

namespace sinter::runtime {

/// What one sample is: the type of an input without its first axis.
struct SampleType {
  DType dtype = DType::kF32;
  Extents extents;
};

/// The place of a training that changes samples at random; what is drawn for a sample follows from it and from the sample's number.
struct Augmenting {
  uint32_t seed = 0;
  int64_t epoch = 0;
};

class SampleReader {
 public:
  SampleReader(SampleType feature, SampleType label) : feature_(std::move(feature)), label_(std::move(label)) {}
  virtual ~SampleReader() = default;

  const SampleType& feature() const { return feature_; }
  const SampleType& label() const { return label_; }
  virtual int64_t samples() const = 0;

  /// Writes samples `rows` one after another. `labels` is left alone when there are none. Raises Error kData, kIo for what turns out to be bad.
  /// Several threads may read at the same time.
  virtual void read(std::span<const int64_t> rows, const std::optional<Augmenting>& augmenting, Tensor& features, Tensor& labels) const = 0;
  /// Samples far apart cost more than neighbours: an epoch's order is drawn in windows of so many. 0: they cost the same.
  virtual int64_t window() const { return 0; }
  /// Says what is read, for checkpoints: content, as far as it can be told without reading more than memory holds.
  virtual void identify(Hasher& hasher) const = 0;

 private:
  SampleType feature_, label_;
};

}  // namespace sinter::runtime
