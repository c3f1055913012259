// Data that a model learns from: what is asked for, what a source gives, and the parts that train and validate. Used by the fit loop, by
// the driver, and by tests. Knows tensors and files, nothing of programs or state.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/tensor.h"
#include "runtime/data/facts.h"
#include "runtime/data/reader.h"

namespace sinter::runtime {

/// Samples along the first axis of both tensors; or those that a reader brings when they are wanted.
struct Dataset {
  Tensor features = Tensor(DType::kF32, {0});
  Tensor labels = Tensor(DType::kF32, {0});               // i64 classes, or numbers
  bool labelled = true;                                   // else `labels` means nothing
  std::shared_ptr<const SampleReader> reader = nullptr;   // then features and labels hold no samples
  std::vector<int64_t> rows = {};                         // which of the reader's
  std::shared_ptr<const DataFacts> facts = nullptr;       // what the source found out
  std::vector<std::string> notes = {};                    // what a person should hear of: samples left out

  int64_t samples() const { return reader ? static_cast<int64_t>(rows.size()) : features.extents()[0]; }
};

/// All samples of a reader.
Dataset read_by(std::shared_ptr<const SampleReader> reader, bool labelled);
/// The samples at `rows`, in memory.
Dataset take(const Dataset& data, std::span<const int64_t> rows);

/// One part trains, the others validate and test and may be empty.
struct DataSplit {
  Dataset training, validation, test = {};
};

using DataArgument = std::variant<bool, int64_t, double, std::string, std::vector<std::string>, std::vector<int64_t>>;

/// A data source as a train block names it, and what the model wants from it.
struct DataRequest {
  std::string source;  // "clusters", "csv", ...
  std::map<std::string, DataArgument> arguments;
  Place place;  // of the source in the model's text, for errors
  SampleType feature, label;
  bool label_is_classes = false;   // labels count classes from 0; `label` is i64 then
  std::optional<int64_t> classes;  // how many, when the model tells
  bool label_optional = false;     // a file without labels will do: for predictions
  std::shared_ptr<const DataFacts> known = nullptr;  // from the data that trained: names mean what they meant there
};

/// All samples, in the source's order. The same request gives the same bits. Raises Error kName for unknown sources, kUsage for arguments
/// that are missing or of another kind, kType when source and model do not fit, kData and kIo for files, naming file and line.
///
///   clusters  samples, classes, spread = 1, seed = 0: a Gaussian cloud per class, of any width; `spread` widens the clouds
///   digits    samples, noise = 0.6, seed = 0: drawn digits (digits.h), 64 numbers of 0..16
///   xor       samples, noise = 0.1, seed = 0: corners of the unit square; the label is 1 where exactly one coordinate is
///   csv       path, ...: a table (csv.h)
///   npy, npz  path, ...: arrays (arrays.h)
///   idx       path, scale: MNIST's format (arrays.h)
///   images    path, resize, crop, scale: a folder of pictures for each class (pictures.h)
///   text      path, window, stride: characters and those that follow them (text.h)
///
/// A source that tells training from test data gives the former; all of it where `split` would divide it.
Dataset load_dataset(const DataRequest& request);
/// Data to measure on: the test data of a source that has such, else all of it.
Dataset load_test_dataset(const DataRequest& request);

/// The same, split by the arguments `split` (the fraction that trains, 1 when not given) and `seed`: it is drawn without regard to any
/// other seed, of each class alike when `stratified` says so; texts are cut in order.
DataSplit load_data(const DataRequest& request);

/// The argument `shuffle`, true when not given: whether each epoch sees the training part in an order of its own.
bool wants_shuffle(const DataRequest& request);

/// A drawn share of the samples trains; both parts keep the order of `all`.
DataSplit split_dataset(const Dataset& all, double fraction, uint32_t seed, bool stratified = false);

/// Raises Error kData naming the first feature that is not finite and the first class outside [0, classes), for data that did not come from
/// load_dataset. What a reader brings is the reader's to check.
void check_dataset(const Dataset& data, bool label_is_classes, std::optional<int64_t> classes);

}  // namespace sinter::runtime
