#include "runtime/fit.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/text.h"

namespace sinter::runtime {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// What can be said about data and options before anything is run.
void check(const DataSplit& data, const FitOptions& options) {
  if (options.checkpoint_every < 1 || options.checkpoint_steps < 0) throw Error(ErrorCode::kUsage, "checkpoints come every 1 or more epochs or steps");
  if (options.epochs < 0) throw Error(ErrorCode::kUsage, "the number of epochs cannot be " + std::to_string(options.epochs));
  if (options.epochs > UINT32_MAX) throw Error(ErrorCode::kUsage, "more than 4294967295 epochs cannot be counted");
  if (data.training.samples() == 0) throw Error(ErrorCode::kData, "there are no samples to train with");
  for (const auto& [part, name] : {std::pair(&data.training, "training"), std::pair(&data.validation, "validation")}) {
    try {
      check_dataset(*part, options.ports.label_is_classes, options.ports.classes);
    } catch (const Error& error) {
      throw Error(error.code(), std::string("in the ") + name + " part, " + error.message()).hint(error.hint());
    }
  }
  if (!options.resume) return;
  const TrainingPosition& position = *options.resume;
  // Between epochs, data and batch may change: the position means the same.
  if (position.step > 0 && (position.samples != data.training.samples() || position.batch != options.batch)) {
    throw Error(ErrorCode::kUsage, "the checkpoint stands in the middle of an epoch of " + std::to_string(position.samples) +
                                       " samples in batches of " + std::to_string(position.batch) + "; given are " +
                                       std::to_string(data.training.samples()) + " in batches of " + std::to_string(options.batch))
        .hint("resume with the same data and batch");
  }
}

void copy_into(Tensor& variable, const Tensor& value, const std::string& name) {
  if (variable.dtype() != value.dtype() || variable.extents() != value.extents()) {
    throw Error(ErrorCode::kType, "the variable " + name + " is " + variable.type_string() + ", the data give " + value.type_string());
  }
  if (value.bytes() > 0) std::memcpy(variable.raw(), value.raw(), value.bytes());
}

class Fit {
 public:
  Fit(const FitFunctions& functions, State& state, const DataSplit& data, const FitOptions& options, FitObserver& observer)
      : functions_(functions),
        state_(state),
        data_(data),
        options_(options),
        observer_(observer),
        batches_(data.training, options.batch),
        training_(*functions.step, options.ports, data.training, options.batch) {
    if (functions.evaluate == nullptr || data.validation.samples() == 0) return;
    validation_batches_.emplace(data.validation, options.batch);
    validation_.emplace(*functions.evaluate, options.ports, data.validation, options.batch);
  }

  FitResult run() {
    begin();
    start_ = last_told_ = Clock::now();
    while (position_.epoch < options_.epochs) {
      EpochRecord record;
      if (!train(record) || !validate(record)) {
        save();
        return {true, false, position_, last_};
      }
      record.best = is_best(record);
      next_epoch(record);
      const bool stop = options_.watch && options_.watch->patience > 0 && position_.epoch - position_.best_epoch >= options_.watch->patience;
      if (stop || position_.epoch == options_.epochs || position_.epoch % options_.checkpoint_every == 0) save();
      observer_.epoch(record);
      last_ = std::move(record);
      if (stop) return {false, true, position_, last_};
    }
    return {false, false, position_, last_};
  }

 private:
  void begin() {
    if (options_.resume) {
      position_ = *options_.resume;
      restore_sums();
    } else {
      position_.seed = options_.seed;
      if (functions_.init != nullptr) initialise(*functions_.init, options_.seed);
      if (options_.normalise != Normalise::kNone) {
        const Normalisation measured = measure_normalisation(options_.normalise, data_.training);
        copy_into(state_.get("data.mean"), measured.mean, "data.mean");
        copy_into(state_.get("data.scale"), measured.scale, "data.scale");
      }
    }
    position_.batch = options_.batch;
    position_.samples = data_.training.samples();
    tell_step("train.epochs", static_cast<double>(options_.epochs));
    tell_step("train.epoch_steps", static_cast<double>(batches_.count()));
    tell_step("train.epoch", static_cast<double>(position_.epoch));
  }

  /// Where the training stands, for schedules; a step has the states that its own look at.
  void tell_step(const std::string& variable, double value) {
    if (state_.contains(variable)) state_.get(variable).set(0, value);
  }

  bool stopped() const { return options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed); }

  /// What is left of the epoch's steps; false when interrupted.
  bool train(EpochRecord& record) {
    const auto start = Clock::now();
    const int64_t steps = batches_.count();
    if (options_.shuffle) batches_.shuffle(position_.seed, position_.epoch);
    batches_.augment(position_.seed, position_.epoch);
    while (position_.step < steps) {
      if (stopped()) return false;
      const Batch& batch = batches_.load(position_.step);
      if (options_.explain) keep_state();
      training_.run(batch);
      ++position_.step;
      if (!std::isfinite(training_.loss()) || (options_.explain && !are_parameters_finite())) fail_of_loss(batch);
      tell(steps);
      if (options_.checkpoint_steps > 0 && position_.step % options_.checkpoint_steps == 0 && position_.step < steps) save();
    }
    record.epoch = position_.epoch + 1;
    record.samples = position_.samples;
    record.steps = record.epoch * steps;
    Measured measured = training_.measured(position_.samples);
    record.loss = measured.loss;
    record.metrics = std::move(measured.metrics);
    record.tables = std::move(measured.tables);
    record.seconds = seconds_since(start);
    return !stopped();
  }

  bool validate(EpochRecord& record) {
    if (!validation_) return true;
    const auto start = Clock::now();
    validation_->reset();
    for (int64_t i = 0; i < validation_batches_->count(); ++i) {
      if (stopped()) return false;
      validation_->run(validation_batches_->load(i));
    }
    Measured measured = validation_->measured(data_.validation.samples());
    record.val_loss = measured.loss;
    record.val_metrics = std::move(measured.metrics);
    record.val_tables = std::move(measured.tables);
    record.val_seconds = seconds_since(start);
    return true;
  }

  void next_epoch(const EpochRecord& record) {
    ++position_.epoch;
    tell_step("train.epoch", static_cast<double>(position_.epoch));
    tell_step("train.monitored.loss", record.val_loss.value_or(record.loss));
    for (const auto& [name, value] : record.val_loss ? record.val_metrics : record.metrics) tell_step("train.monitored." + name, value);
    position_.step = 0;
    training_.reset();
  }

  void save() {
    position_.sums.clear();
    if (position_.step > 0) {
      position_.sums["loss"] = training_.sums()[0];
      for (size_t i = 0; i < options_.ports.metrics.size(); ++i) position_.sums[options_.ports.metrics[i]] = training_.sums()[i + 1];
      each_total([&](const std::string& name, double& total) { position_.sums[name] = total; });
    }
    if (options_.checkpoint.empty()) return;
    try {
      save_checkpoint(options_.checkpoint, state_, options_.identity, position_);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kIo) throw;
      observer_.checkpoint_failed(error);
    }
  }

  /// Whether what is watched has its best value in this epoch; the first one has, and no value that is not finite.
  bool is_best(const EpochRecord& record) {
    if (!options_.watch) return false;
    const std::optional<double> value = watched(record, options_.watch->name);
    if (!value) throw Error(ErrorCode::kUsage, "nothing is measured that is called " + quoted(options_.watch->name));
    const bool larger = larger_is_better(options_.watch->name);
    if (!std::isfinite(*value) || (position_.best_epoch > 0 && !(larger ? *value > position_.best : *value < position_.best))) return false;
    position_.best = *value;
    position_.best_epoch = record.epoch;
    return true;
  }

  static std::optional<double> watched(const EpochRecord& record, const std::string& name) {
    if (name == "loss") return record.loss;
    if (name == "val_loss") return record.val_loss;
    for (const auto& [metric, value] : record.metrics)
      if (metric == name) return value;
    for (const auto& [metric, value] : record.val_metrics)
      if ("val_" + metric == name) return value;
    return {};
  }

  void keep_state() {
    kept_.resize(state_.entries().size());
    for (size_t i = 0; i < kept_.size(); ++i) {
      const Tensor& value = state_.entries()[i].value;
      kept_[i].assign(static_cast<const char*>(value.raw()), static_cast<const char*>(value.raw()) + value.bytes());
    }
  }
  void restore_state() {
    for (size_t i = 0; i < kept_.size(); ++i)
      if (!kept_[i].empty()) std::memcpy(state_.value(i).raw(), kept_[i].data(), kept_[i].size());
  }
  bool are_parameters_finite() const {
    return std::all_of(state_.entries().begin(), state_.entries().end(), [](const State::Entry& entry) {
      if (entry.role != Role::kParameter || !is_float(entry.value.dtype())) return true;
      for (int64_t i = 0; i < entry.value.size(); ++i)
        if (!std::isfinite(entry.value.get(i))) return false;
      return true;
    });
  }

  void restore_sums() {
    if (position_.step == 0) return;
    const auto sum = [&](const std::string& name) {
      const auto found = position_.sums.find(name);
      if (found == position_.sums.end())
        throw Error(ErrorCode::kUsage, "the checkpoint stands in the middle of an epoch that did not measure " + name);
      return found->second;
    };
    training_.sums()[0] = sum("loss");
    for (size_t i = 0; i < options_.ports.metrics.size(); ++i) training_.sums()[i + 1] = sum(options_.ports.metrics[i]);
    each_total([&](const std::string& name, double& total) { total = sum(name); });
  }

  /// Elements of the totals of which metrics are made, as a checkpoint names them: "sum.f1.hits[3]".
  template <class Use> void each_total(const Use& use) {
    for (size_t i = 0; i < training_.totals().size(); ++i) {
      Tensor& total = training_.totals()[i];
      for (int64_t k = 0; k < total.size(); ++k) use(options_.ports.sums[i] + "[" + std::to_string(k) + "]", total.data<double>()[k]);
    }
  }

  void tell(int64_t steps) {
    const auto now = Clock::now();
    trained_ += 1;
    if (std::chrono::duration<double>(now - last_told_).count() < options_.progress_interval) return;
    last_told_ = now;
    const double per_second = static_cast<double>(trained_) / std::chrono::duration<double>(now - start_).count();  // steps
    const int64_t left = (options_.epochs - position_.epoch) * steps - position_.step;
    const double batch = static_cast<double>(position_.samples) / static_cast<double>(steps);
    const auto samples = static_cast<double>(std::min(position_.step * options_.batch, position_.samples));
    observer_.progress({position_.epoch + 1, options_.epochs, position_.step, steps, training_.sums()[0] / samples, per_second * batch,
                        static_cast<double>(left) / per_second});
  }

  [[noreturn]] void fail_of_loss(const Batch& batch) {
    std::string cause;
    if (options_.explain) {
      restore_state();
      cause = options_.explain(batch);
      // The sums hold the step that is taken back: the checkpoint is one between epochs, or from before.
      --position_.step;
      if (position_.step == 0) save();
    }
    const bool finite = std::isfinite(training_.loss());
    Error error(ErrorCode::kCheck, (finite ? "parameters are no finite numbers after a step" : "the loss is " + to_text(training_.loss())) + " in epoch " + std::to_string(position_.epoch + 1) +
                                       ", step " + std::to_string(position_.step + (options_.explain ? 1 : 0)) + " of " + std::to_string(batches_.count()) + (cause.empty() ? "" : "; " + cause));
    const bool saved = !options_.checkpoint.empty() && last_;
    error.hint("a smaller learning rate may help" + std::string(options_.explain ? "" : "; --check-numerics finds the first operation that gives it") +
               (saved ? "; " + options_.checkpoint + " holds the state after epoch " + std::to_string(position_.epoch) : std::string()));
    throw error;
  }

  const FitFunctions& functions_;
  State& state_;
  const DataSplit& data_;
  const FitOptions& options_;
  FitObserver& observer_;
  Batches batches_;
  Feed training_;
  std::optional<Batches> validation_batches_;
  std::optional<Feed> validation_;
  TrainingPosition position_;
  std::optional<EpochRecord> last_;
  Clock::time_point start_, last_told_;
  int64_t trained_ = 0;  // steps done here
  std::vector<std::vector<char>> kept_;  // the state before a step that is checked
};

}  // namespace

bool larger_is_better(std::string_view name) {
  constexpr std::string_view kLarger[] = {"accuracy", "precision", "recall", "f1", "top_", "auc", "r2"};
  return std::any_of(std::begin(kLarger), std::end(kLarger), [&](std::string_view part) { return name.find(part) != std::string_view::npos; });
}

void initialise(Function& init, uint32_t seed) {
  init.bind("seed", Tensor::scalar(seed));
  init.execute();
}

FitResult fit(const FitFunctions& functions, State& state, const DataSplit& data, const FitOptions& options, FitObserver& observer) {
  SINTER_CHECK(functions.step != nullptr, "fit without a step");
  check(data, options);
  return Fit(functions, state, data, options, observer).run();
}

}  // namespace sinter::runtime
