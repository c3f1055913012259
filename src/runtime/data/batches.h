// The batches of an epoch, gathered into memory of their own. Used by the fit loop and by evaluation.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/data/dataset.h"

namespace sinter::runtime {

/// Rows of a dataset in one place. The tensors keep their memory; `load` refills it.
struct Batch {
  Tensor features, labels;
  int64_t samples = 0;
};

/// Cuts a dataset into batches of `size` samples; the last may be smaller. A position is (epoch, index) only.
class Batches {
 public:
  /// `data` must outlive this. Raises Error kUsage unless size is at least 1.
  Batches(const Dataset& data, int64_t size);

  int64_t count() const;
  /// From here on, the batches of `epoch` in the order drawn by seed and epoch; before the first call, those in the order of the data.
  void shuffle(uint32_t seed, int64_t epoch);
  /// Gathers batch `index`. One of at most two objects, for whole batches and for the smaller last one, valid as long as this.
  const Batch& load(int64_t index);

 private:
  const Dataset& data_;
  int64_t size_;
  std::vector<int64_t> order_;
  Batch whole_, last_;
};

}  // namespace sinter::runtime
