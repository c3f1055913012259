// The batches of an epoch, gathered into memory of their own. Used by the fit loop and by evaluation.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/data/dataset.h"

namespace sinter::runtime {

/// Rows of a dataset in one place. The tensors keep their memory; `load` refills it.
struct Batch {
  Tensor features, labels;
  int64_t samples = 0;
};

/// Cuts a dataset into batches of `size` samples; the last may be smaller. A position is (epoch, index) only.
///
/// What a reader brings is read ahead by one batch on a thread of its own; data in memory are gathered at once, which takes less time than
/// waking a thread.
class Batches {
 public:
  /// `data` must outlive this. Raises Error kUsage unless size is at least 1.
  Batches(const Dataset& data, int64_t size);
  ~Batches();

  int64_t count() const;
  /// From here on, the batches of `epoch` in the order drawn by seed and epoch; before the first call, those in the order of the data.
  void shuffle(uint32_t seed, int64_t epoch);
  /// From here on, samples as the reader changes them for `epoch`.
  void augment(uint32_t seed, int64_t epoch);
  /// Gathers batch `index`. One of at most four objects, for whole batches and for the smaller last one; valid until the next call. Raises what
  /// the reader raises.
  const Batch& load(int64_t index);

 private:
  class Ahead;
  void fill(int64_t index, Batch& batch);
  Batch& place(int64_t index, int which);

  const Dataset& data_;
  int64_t size_;
  std::vector<int64_t> order_;
  std::vector<int64_t> rows_;  // of the batch that is read
  std::optional<Augmenting> augmenting_;
  Batch whole_[2], last_[2];  // the second of each where batches are read ahead
  std::unique_ptr<Ahead> ahead_;
};

}  // namespace sinter::runtime
