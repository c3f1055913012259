// Feeding data to functions, batch by batch: the common part of training, evaluation and prediction, and the last two. Used by the fit
// loop and by the verbs evaluate and predict.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/data/batches.h"
#include "runtime/function.h"

namespace sinter::runtime {

/// The names of what data feed and what is measured, and what labels are.
struct FeedPorts {
  std::string feature, label = "label";
  std::vector<std::string> metrics;  // outputs beside `loss`
  bool label_is_classes = false;
  std::optional<int64_t> classes;  // labels from there on are refused before anything is run
  // Metrics that are no means over samples: `measure` makes of the totals of outputs `sum.NAME`, its inputs `total.NAME`, those of
  // `metrics` that are no outputs.
  std::vector<std::string> sums = {}, totalled = {};
  Function* measure = nullptr;
};

using NamedValues = std::vector<std::pair<std::string, double>>;
using NamedTables = std::vector<std::pair<std::string, Tensor>>;

/// What was measured over some samples, in the order of FeedPorts: loss and metrics, and those of the metrics that are no single numbers.
struct Measured {
  double loss = 0;
  NamedValues metrics;
  NamedTables tables;
};

/// A function fed with labelled batches, which yields the loss and the metrics of each. Allocates nothing from one batch to the next of
/// its size.
class Feed {
 public:
  /// Raises Error kName and kType when the function has not these ports, kUsage when it is compiled for one batch size and `data` does not
  /// divide by it.
  Feed(Function& function, const FeedPorts& ports, const Dataset& data, int64_t batch);

  /// Calls the function on `batch` and adds its results, times its samples, to the sums.
  void run(const Batch& batch);
  double loss() const { return results_[0].get(0); }  // of the last batch
  /// The loss, then the metrics, those that are means.
  std::vector<double>& sums() { return sums_; }
  /// Of the outputs in FeedPorts::sums, f64.
  std::vector<Tensor>& totals() { return totals_; }
  /// Of all that was run since reset().
  Measured measured(int64_t samples);
  void reset();

 private:
  Function& function_;
  const FeedPorts& ports_;
  std::vector<Tensor> results_;       // the loss and the means
  std::vector<size_t> places_;        // of the results in sums_
  std::vector<double> sums_;
  std::vector<Tensor> parts_, totals_;
  const Batch* bound_ = nullptr;
};

struct Evaluation {
  double loss = 0;
  NamedValues metrics;  // in the order of FeedPorts
  int64_t samples = 0;
  NamedTables tables;   // metrics that are no single numbers
};

/// Means over the samples, in f64, of what `evaluate` yields for each batch. Raises Error kData for data without samples or labels, with
/// values that are not finite or classes out of range, kInterrupted when `stop` becomes true, and as Feed.
Evaluation evaluate_dataset(Function& evaluate, const FeedPorts& ports, const Dataset& data, int64_t batch,
                            const std::atomic<bool>* stop = nullptr);

/// The outputs of `predict` for all samples, each [samples, ...]. Raises Error kData for no samples, kUnsupported for outputs that have no
/// axis for the batch, kInterrupted when `stop` becomes true.
std::vector<Tensor> predict_dataset(Function& predict, const std::string& feature, const std::vector<std::string>& outputs,
                                    const Dataset& data, int64_t batch, const std::atomic<bool>* stop = nullptr);

}  // namespace sinter::runtime
