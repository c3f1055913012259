// The fit loop: read, shuffle, batch, step, measure, tell, save. Used by `sinter train` and by the public API.
//
// Its work for a step is to gather the batch, to call the function and to add up its results: no allocation and no look-up by name. Which
// samples a step sees follows from (seed, epoch, step) alone; with the state, that is all that a checkpoint holds, and all that it needs.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
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

/// A value of the epochs' records that should become better: smaller, or larger where its name says so (accuracy, precision, ...).
struct Watch {
  std::string name;      // "loss", "val_loss", a metric, "val_" and a metric
  int64_t patience = 0;  // epochs without a better value after which training stops; 0: it goes on
};
bool larger_is_better(std::string_view name);

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
  int64_t checkpoint_every = 1;             // epochs from one checkpoint to the next; the last epoch has one in any case
  int64_t checkpoint_steps = 0;             // unless 0, after every so many steps of an epoch as well
  ModelIdentity identity;                   // for the checkpoint
  std::optional<Watch> watch;
  /// Given, every step is checked: when loss or parameters are no finite numbers after it, the state is that before the step again, the checkpoint
  /// is written, and what this says of the step's batch is part of the error.
  std::function<std::string(const Batch&)> explain;
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
  int64_t steps = 0;               // done in all epochs, this one too
  bool best = false;               // of all epochs so far, by what is watched
};

class FitObserver {
 public:
  virtual ~FitObserver() = default;
  virtual void progress(const FitProgress&) {}
  /// After the epoch's checkpoint was written.
  virtual void epoch(const EpochRecord&) {}
  /// A checkpoint could not be written: the one before is still there. Training goes on when this returns, and the next one is tried.
  virtual void checkpoint_failed(const Error& error) { throw error; }
};

struct FitResult {
  bool interrupted = false;
  bool stopped_early = false;  // what is watched became no better
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
