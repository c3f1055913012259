// Data that a model learns from: what is asked for, what a source gives, and the parts that train and validate. Used by the fit loop, by
// the driver, and by tests. Knows tensors and files, nothing of programs or state.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "base/error.h"
#include "base/tensor.h"

namespace sinter::runtime {

/// Samples along the first axis of both tensors.
struct Dataset {
  Tensor features = Tensor(DType::kF32, {0});
  Tensor labels = Tensor(DType::kF32, {0});  // i64 classes, or numbers
  bool labelled = true;                      // else `labels` means nothing

  int64_t samples() const { return features.extents()[0]; }
};

/// One part trains, the other validates and may be empty.
struct DataSplit {
  Dataset training, validation;
};

using DataArgument = std::variant<bool, int64_t, double, std::string>;

/// What one sample is: the type of an input without its first axis.
struct SampleType {
  DType dtype = DType::kF32;
  Extents extents;
};

/// A data source as a train block names it, and what the model wants from it.
struct DataRequest {
  std::string source;  // "clusters", "digits", "xor", "csv"
  std::map<std::string, DataArgument> arguments;
  Place place;  // of the source in the model's text, for errors
  SampleType feature, label;
  bool label_is_classes = false;   // labels count classes from 0; `label` is i64 then
  std::optional<int64_t> classes;  // how many, when the model tells
  bool label_optional = false;     // a file without labels will do: for predictions
};

/// All samples, in the source's order. The same request gives the same bits. Raises Error kName for unknown sources, kUsage for arguments
/// that are missing or of another kind, kType when source and model do not fit, kData and kIo for files, naming file and line.
///
///   clusters  samples, classes, spread = 1, seed = 0: a Gaussian cloud per class, of any width; `spread` widens the clouds
///   digits    samples, noise = 0.6, seed = 0: drawn digits (digits.h), 64 numbers of 0..16
///   xor       samples, noise = 0.1, seed = 0: corners of the unit square; the label is 1 where exactly one coordinate is
///   csv       path: plain numbers, the label last (csv.h)
Dataset load_dataset(const DataRequest& request);

/// The same, split by the arguments `split` (the fraction that trains, 1 when not given) and `seed`: it is drawn without regard to any
/// other seed.
DataSplit load_data(const DataRequest& request);

/// The argument `shuffle`, true when not given: whether each epoch sees the training part in an order of its own.
bool wants_shuffle(const DataRequest& request);

/// A drawn share of the samples trains; both parts keep the order of `all`.
DataSplit split_dataset(const Dataset& all, double fraction, uint32_t seed);

/// Raises Error kData naming the first feature that is not finite and the first class outside [0, classes), for data that did not come from
/// load_dataset.
void check_dataset(const Dataset& data, bool label_is_classes, std::optional<int64_t> classes);

}  // namespace sinter::runtime
