// What `(x - mean) * scale` takes features to a common range. Used by the fit loop, which writes it to the states data.mean and data.scale.
#pragma once

#include "base/tensor.h"
#include "runtime/data/dataset.h"

namespace sinter::runtime {

enum class Normalise : uint8_t {
  kNone,
  kStandard,  // each feature to mean 0, standard deviation 1
  kMinMax,    // each feature to 0..1
};

struct Normalisation {
  Tensor mean, scale;  // of one sample's type; for kMinMax, `mean` is the minimum
};

/// Of features [samples, ...] in f32 or f64, at least one sample. A feature that never changes has scale 1. Raises Error kType for other
/// dtypes.
Normalisation measure_normalisation(Normalise kind, const Tensor& features);
/// Of all samples, in memory or not: goes through them twice.
Normalisation measure_normalisation(Normalise kind, const Dataset& data);

}  // namespace sinter::runtime
