// The fit loop: read, shuffle, batch, step, measure, tell, save. Used by `sinter train` and by the public API.
//
// Its work for a step is to gather the batch, to call the function and to add up its results: no allocation and no look-up by name. Which
// samples a step sees follows from (seed, epoch, step) alone; with the state, that is all that a checkpoint holds, and all that it needs.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "runtime/checkpoint.h"
#include "runtime/data/dataset.h"
#include "runtime/data/normalise.h"
#include "runtime/feed.h"

namespace sinter::runtime {

/// Functions of one model on one state (docs/decisions/001-program-and-state.md).
struct FitFunctions {
  Function* init = nullptr;  // null: begin with the state as it is
  Function* step = nullptr;
  Function* evaluate = nullptr;  // null: no validation
};

struct FitOptions {
  FeedPorts ports;
  int64_t epochs = 1, batch = 32;
  uint32_t seed = 0;  // of initial values and of the order of samples
  bool shuffle = true;
  Normalise normalise = Normalise::kNone;  // measured on the training part, written to data.mean and data.scale
  bool label_is_classes = false;
  std::optional<int64_t> classes;           // labels from there on are refused before training
  std::optional<TrainingPosition> resume;   // continue there with the state as it is; its seed is kept
  std::string checkpoint;                   // a path, or empty: written after each epoch and when interrupted
  ModelIdentity identity;                   // for the checkpoint
  const std::atomic<bool>* stop = nullptr;  // set by a signal handler, say: the running step is finished, the checkpoint written
  double progress_interval = .1;            // seconds between calls of FitObserver::progress
};

struct FitProgress {
  int64_t epoch = 0, epochs = 0;  // from 1
  int64_t step = 0, steps = 0;    // done, of this epoch
  double loss = 0;                // mean over the samples of the epoch so far
  double samples_per_second = 0, seconds_left = 0;
};

/// Means are over samples, in f64. The training ones are of the forward pass in each step, while the parameters changed.
struct EpochRecord {
  int64_t epoch = 0;  // from 1
  int64_t samples = 0;
  double seconds = 0, val_seconds = 0;  // of the training part (of this process when resumed), of the validation
  double loss = 0;
  NamedValues metrics;
  std::optional<double> val_loss;
  NamedValues val_metrics;
  NamedTables tables, val_tables;  // metrics that are no single numbers
};

class FitObserver {
 public:
  virtual ~FitObserver() = default;
  virtual void progress(const FitProgress&) {}
  /// After the epoch's checkpoint was written.
  virtual void epoch(const EpochRecord&) {}
};

struct FitResult {
  bool interrupted = false;
  TrainingPosition position;
  std::optional<EpochRecord> last;  // of the last epoch that was finished here
};

/// Trains. Raises Error kData for data that cannot be trained with (no samples, no labels, values that are not finite, classes out of
/// range) before the state is touched, kUsage for options that do not fit, kCheck when the loss is no finite number, naming the step, and
/// what functions and checkpoints raise.
FitResult fit(const FitFunctions& functions, State& state, const DataSplit& data, const FitOptions& options, FitObserver& observer);

/// Fills every parameter and state by `init`.
void initialise(Function& init, uint32_t seed);

}  // namespace sinter::runtime
