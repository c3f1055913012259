// Weights and checkpoints: State in safetensors files. Used by the fit loop and by every verb that takes weights.
//
// A weights file holds parameters and the model's own state (running statistics, data.mean), not that of the optimizer or of the run.
// A checkpoint holds all of the state and the place in the training: continuing from it gives the bits of an uninterrupted run.
// Both are written aside, synced and renamed: a kill at any moment leaves the old file or the new one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "runtime/executable.h"

namespace sinter::runtime {

inline constexpr int kCheckpointVersion = 1;

/// Names in ModelIdentity::data: a hash of the samples, and what they were made from, for messages alone: the same samples may come from elsewhere.
inline constexpr std::string_view kDataContent = "content", kDataSource = "source";

/// What a file must agree with beside names and types: hashes that the caller takes of the compiled module. Empty: not known, not checked.
struct ModelIdentity {
  std::string model;     // of what weights mean: the functions without training
  std::string training;  // of a training step
  std::map<std::string, std::string> data = {};  // of a training's samples and their order (driver/training.h); for checkpoints only
  std::map<std::string, std::string> facts = {};  // what the data taught (data/facts.h), kept with weights and checkpoints; nothing is held against it
};

/// A place in a training. Batches follow from seed and epoch, so that it says which samples come next.
struct TrainingPosition {
  int64_t epoch = 0;  // complete ones
  int64_t step = 0;   // done in the epoch after them; all of them done: what is left of the epoch is validation
  uint32_t seed = 0;
  int64_t batch = 0, samples = 0;      // of the training part; `step` counts in these
  std::map<std::string, double> sums;  // over the samples of the epoch so far: the loss, each metric
  int64_t best_epoch = 0;              // of what is watched (FitOptions::watch), from 1; 0: none yet
  double best = 0;

  friend bool operator==(const TrainingPosition&, const TrainingPosition&) = default;
};

/// Raise Error kIo when the file cannot be written; an old file stays then.
void save_weights(const std::string& path, const State& state, const ModelIdentity& identity);
void save_checkpoint(const std::string& path, const State& state, const ModelIdentity& identity, const TrainingPosition& position);

/// Reads a weights file, or the weights of a checkpoint, into `state`, which declares all of the model's variables. Values are copied into
/// the memory that the variables have. Raises Error kIo, or kData with what does not fit: variables that are missing or too many, dtypes,
/// shapes, another model's hash, a later version. The state is unchanged then.
void load_weights(const std::string& path, State& state, const ModelIdentity& identity);

/// The same for all of the state. A weights file is refused.
TrainingPosition load_checkpoint(const std::string& path, State& state, const ModelIdentity& identity);

/// All that a file says beside its values: "facts" among it. Raises Error as load_weights.
std::map<std::string, std::string> load_metadata(const std::string& path);

}  // namespace sinter::runtime
