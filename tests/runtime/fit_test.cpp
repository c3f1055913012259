// The fit loop, evaluation and prediction on hand-built programs: results against loops written out here, resume by bits at every step,
// interruption, means, messages, and what a step costs.
#include "runtime/fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <ctime>
#include <limits>
#include <numeric>

#include "runtime/allocations.h"
#include "runtime/data/shuffle.h"
#include "runtime/data_requests.h"
#include "runtime/regression.h"

namespace sinter::runtime::test {
namespace {

/// Keeps what it is told.
class Recorder : public FitObserver {
 public:
  void progress(const FitProgress& progress) override { steps.push_back(progress); }
  void epoch(const EpochRecord& record) override { epochs.push_back(record); }

  std::vector<FitProgress> steps;
  std::vector<EpochRecord> epochs;
};

bool same_means(const EpochRecord& a, const EpochRecord& b) {
  return a.epoch == b.epoch && a.samples == b.samples && a.loss == b.loss && a.metrics == b.metrics && a.val_loss == b.val_loss &&
         a.val_metrics == b.val_metrics;
}

bool same_state(const State& a, const State& b) {
  for (const State::Entry& entry : a.entries()) {
    if (!same_bits(entry.value, b.get(entry.name))) return false;
  }
  return true;
}

class FitLoop : public ::testing::Test {
 protected:
  FitLoop() {
    options.ports = {"x", "label", {"error"}};
    options.epochs = 4;
    options.batch = 8;
    options.seed = 5;
    options.progress_interval = 1e9;
    options.identity = {"model", "training"};
  }

  /// Trains `state`; every execution of step or evaluate is announced to `before(n)`.
  template <class Before>
  FitResult train(State& state, FitObserver& observer, Before before) {
    const auto step = native_function(programs.step, state, *team), evaluate = native_function(programs.evaluate, state, *team);
    int64_t calls = 0;
    const auto count = [&](int64_t) { before(calls++); };
    Watched watched_step(*step, count), watched_evaluate(*evaluate, count);
    const auto init = native_function(programs.init, state, *team);
    return fit({init.get(), &watched_step, &watched_evaluate}, state, data, options, observer);
  }
  FitResult train(State& state, FitObserver& observer) {
    return train(state, observer, [](int64_t) {});
  }

  std::string error(ErrorCode code) {
    State state = regression_state();
    Recorder recorder;
    try {
      train(state, recorder, [](int64_t) { FAIL() << "something ran"; });
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_TRUE(same_state(state, regression_state())) << "the state was touched";
      return error.what();
    }
    return "no error";
  }

  TemporaryFolder folder;
  Regression programs = regression();
  std::unique_ptr<Team> team = serial_team();
  DataSplit data = split_dataset(regression_data(100, 1), .83, 0);  // 83 and 17: the last batches are smaller
  FitOptions options;
};

TEST_F(FitLoop, Learns) {
  options.epochs = 30;
  State state = regression_state();
  Recorder recorder;
  const FitResult result = train(state, recorder);
  EXPECT_FALSE(result.interrupted);
  ASSERT_EQ(recorder.epochs.size(), 30u);
  EXPECT_EQ(result.position.epoch, 30);
  EXPECT_EQ(state.get("train.step").get(0), 30 * 11);
  EXPECT_LT(*recorder.epochs.back().val_loss, recorder.epochs[0].loss / 10);
  EXPECT_NEAR(state.get("w").get(0), 2, .3);
  EXPECT_TRUE(same_means(*result.last, recorder.epochs.back()));
  for (size_t i = 0; i < 30; ++i) {
    EXPECT_EQ(recorder.epochs[i].epoch, static_cast<int64_t>(i) + 1);
    EXPECT_EQ(recorder.epochs[i].samples, 83);
    EXPECT_GT(recorder.epochs[i].seconds, 0);
  }
}

TEST_F(FitLoop, IsTheLoopWrittenOut) {
  State expected = regression_state();
  const auto init = native_function(programs.init, expected, *team), step = native_function(programs.step, expected, *team);
  initialise(*init, 5);
  std::vector<double> losses, errors;
  std::vector<int64_t> order(83);
  for (uint32_t epoch = 0; epoch < 4; ++epoch) {
    shuffle(order, 5, Purpose::kShuffle, epoch);
    double loss = 0, error = 0;
    for (size_t first = 0; first < 83; first += 8) {
      const size_t count = std::min<size_t>(8, 83 - first);
      Tensor x(DType::kF32, {static_cast<int64_t>(count), 3}), label(DType::kF32, {static_cast<int64_t>(count)});
      for (size_t i = 0; i < count; ++i) {
        for (int64_t k = 0; k < 3; ++k) x.set(static_cast<int64_t>(i) * 3 + k, data.training.features.get(order[first + i] * 3 + k));
        label.set(static_cast<int64_t>(i), data.training.labels.get(order[first + i]));
      }
      step->bind("x", x);
      step->bind("label", label);
      step->execute();
      loss += step->output("loss").get(0) * static_cast<double>(count);
      error += step->output("error").get(0) * static_cast<double>(count);
    }
    losses.push_back(loss / 83);
    errors.push_back(error / 83);
  }
  State state = regression_state();
  Recorder recorder;
  train(state, recorder);
  EXPECT_TRUE(same_state(state, expected));
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(recorder.epochs[i].loss, losses[i]);
    EXPECT_EQ(recorder.epochs[i].metrics, (NamedValues{{"error", errors[i]}}));
  }
}

TEST_F(FitLoop, MeansAreWeightedBySamples) {
  // With rate 0 nothing changes, so that the means of an epoch are those of all its samples at once.
  State state = regression_state();
  initialise(*native_function(programs.init, state, *team), 5);
  state.get("model.rate").set(0, 0);
  const auto step = native_function(programs.step, state, *team), evaluate = native_function(programs.evaluate, state, *team);
  options.epochs = 1;
  for (const int64_t batch : {1, 7, 8, 82, 83, 1000}) {
    options.batch = batch;
    Recorder recorder;
    fit({nullptr, step.get(), evaluate.get()}, state, data, options, recorder);
    const Evaluation all = evaluate_dataset(*evaluate, options.ports, data.training, 83);
    EXPECT_NEAR(recorder.epochs[0].loss, all.loss, all.loss * 1e-5) << batch;
    EXPECT_NEAR(recorder.epochs[0].metrics[0].second, all.metrics[0].second, all.metrics[0].second * 1e-5) << batch;
    const Evaluation validation = evaluate_dataset(*evaluate, options.ports, data.validation, 17);
    EXPECT_NEAR(*recorder.epochs[0].val_loss, validation.loss, validation.loss * 1e-5) << batch;
  }
}

TEST_F(FitLoop, ResumesBitForBitWhereverItStops) {
  options.normalise = Normalise::kStandard;
  State whole = regression_state();
  Recorder all;
  int64_t calls = 0;
  train(whole, all, [&](int64_t) { ++calls; });
  ASSERT_EQ(calls, 4 * (11 + 3));
  for (int64_t stop_at = 0; stop_at < calls; ++stop_at) {
    std::atomic<bool> stop = false;
    options.stop = &stop;
    options.checkpoint = folder.file("c.safetensors");
    State first = regression_state();
    Recorder before;
    const FitResult interrupted = train(first, before, [&](int64_t call) { stop = call == stop_at; });
    const bool at_the_end = stop_at + 1 == calls;  // nothing is left to interrupt
    EXPECT_EQ(interrupted.interrupted, !at_the_end) << stop_at;

    State second = regression_state();  // as another process would have it
    options.stop = nullptr;
    options.resume = load_checkpoint(options.checkpoint, second, options.identity);
    EXPECT_EQ(*options.resume, interrupted.position);
    options.seed = 99;  // the checkpoint's own counts
    Recorder after;
    const FitResult result = train(second, after);
    EXPECT_FALSE(result.interrupted);
    options.resume.reset();
    options.seed = 5;

    EXPECT_TRUE(same_state(second, whole)) << "stopped in call " << stop_at;
    ASSERT_EQ(before.epochs.size() + after.epochs.size(), 4u) << stop_at;
    for (size_t i = 0; i < 4; ++i) {
      const EpochRecord& record = i < before.epochs.size() ? before.epochs[i] : after.epochs[i - before.epochs.size()];
      EXPECT_TRUE(same_means(record, all.epochs[i])) << "epoch " << i + 1 << ", stopped in call " << stop_at;
    }
  }
}

TEST_F(FitLoop, AStopBeforeTheFirstStepSavesTheBeginning) {
  std::atomic<bool> stop = true;
  options.stop = &stop;
  options.checkpoint = folder.file("c.safetensors");
  State state = regression_state(), loaded = regression_state();
  Recorder recorder;
  EXPECT_TRUE(train(state, recorder).interrupted);
  EXPECT_EQ(load_checkpoint(options.checkpoint, loaded, options.identity).step, 0);
  EXPECT_TRUE(same_state(state, loaded));
  EXPECT_TRUE(recorder.epochs.empty());
}

TEST_F(FitLoop, WritesACheckpointAfterEachEpoch) {
  options.checkpoint = folder.file("c.safetensors");
  State state = regression_state();
  struct Reader : Recorder {
    void epoch(const EpochRecord& record) override {
      State saved = regression_state();
      EXPECT_EQ(load_checkpoint(path, saved, {"model", "training"}), (TrainingPosition{record.epoch, 0, 5, 8, 83, {}}));
      EXPECT_TRUE(same_state(saved, *state));
      Recorder::epoch(record);
    }
    std::string path;
    State* state = nullptr;
  } reader;
  reader.path = options.checkpoint;
  reader.state = &state;
  train(state, reader);
  EXPECT_EQ(reader.epochs.size(), 4u);
}

TEST_F(FitLoop, UnwritableCheckpointsAreTold) {
  State state = regression_state();
  Recorder recorder;
  for (const std::string& path : {folder.file("absent/c"), std::string("/dev/full"), folder.path().string()}) {
    options.checkpoint = path;
    try {
      train(state, recorder);
      FAIL() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kIo);
      EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
    }
  }
}

TEST_F(FitLoop, SeedAndShuffleDecide) {
  const auto trained = [&] {
    State state = regression_state();
    Recorder recorder;
    train(state, recorder);
    return state;
  };
  const State first = trained();
  EXPECT_TRUE(same_state(first, trained()));
  options.seed = 6;
  EXPECT_FALSE(same_state(first, trained()));
  options.seed = 5;
  options.shuffle = false;
  EXPECT_FALSE(same_state(first, trained()));
}

TEST_F(FitLoop, AnyTeamGivesTheSameBits) {
  State expected = regression_state();
  Recorder recorder;
  train(expected, recorder);
  for (const int size : {2, 3}) {
    team = thread_team(size);
    State state = regression_state();
    train(state, recorder);
    EXPECT_TRUE(same_state(state, expected));
  }
}

TEST_F(FitLoop, NormalisationIsOfTheTrainingPart) {
  options.normalise = Normalise::kMinMax;
  State state = regression_state();
  Recorder recorder;
  train(state, recorder);
  const Normalisation expected = measure_normalisation(Normalise::kMinMax, data.training.features);
  EXPECT_TRUE(same_bits(state.get("data.mean"), expected.mean));
  EXPECT_TRUE(same_bits(state.get("data.scale"), expected.scale));
}

TEST_F(FitLoop, TellsProgress) {
  options.progress_interval = 0;
  State state = regression_state();
  Recorder recorder;
  train(state, recorder);
  ASSERT_EQ(recorder.steps.size(), 44u);
  EXPECT_EQ(recorder.steps[12].epoch, 2);
  EXPECT_EQ(recorder.steps[12].epochs, 4);
  EXPECT_EQ(recorder.steps[12].step, 2);
  EXPECT_EQ(recorder.steps[12].steps, 11);
  EXPECT_NEAR(recorder.steps[10].loss, recorder.epochs[0].loss, 1e-12);
  EXPECT_GT(recorder.steps[12].samples_per_second, 0);
  EXPECT_EQ(recorder.steps.back().seconds_left, 0);
  options.progress_interval = 1e9;
  Recorder quiet;
  train(state, quiet);
  EXPECT_TRUE(quiet.steps.empty());
}

TEST_F(FitLoop, WithoutValidation) {
  for (const bool by_data : {false, true}) {
    State state = regression_state();
    const auto step = native_function(programs.step, state, *team), evaluate = native_function(programs.evaluate, state, *team);
    Recorder recorder;
    fit({nullptr, step.get(), by_data ? evaluate.get() : nullptr}, state, by_data ? split_dataset(data.training, 1, 0) : data, options,
        recorder);
    EXPECT_FALSE(recorder.epochs[0].val_loss);
    EXPECT_TRUE(recorder.epochs[0].val_metrics.empty());
  }
}

TEST_F(FitLoop, NoEpochsMeanInitialValues) {
  options.epochs = 0;
  State state = regression_state();
  Recorder recorder;
  const FitResult result = train(state, recorder);
  EXPECT_FALSE(result.last);
  EXPECT_NE(state.get("w").get(0), 0);
}

TEST_F(FitLoop, BadDataAreToldBeforeAnythingRuns) {
  const DataSplit good = data;
  data.training.features = good.training.features.clone();
  data.training.features.set(10, std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(error(ErrorCode::kData),
            "error: in the training part, feature 1 of sample 3 is nan; leave such samples out, or put a number in its place");
  data = good;
  data.validation.labels = good.validation.labels.clone();
  data.validation.labels.set(16, std::numeric_limits<double>::infinity());
  EXPECT_NE(error(ErrorCode::kData).find("in the validation part, label 0 of sample 16 is inf"), std::string::npos);
  data = good;
  data.training.labels = Tensor(DType::kI64, {83});
  data.training.labels.set_integer(82, 7);
  options.ports.label_is_classes = true;
  options.ports.classes = 7;
  EXPECT_EQ(error(ErrorCode::kData), "error: in the training part, the label 7 of sample 82 is outside the model's classes, 0 to 6");
  options.ports.label_is_classes = false;
  data = good;
  data.training = {};
  EXPECT_EQ(error(ErrorCode::kData), "error: there are no samples to train with");
  data = good;
  data.training.labelled = false;
  EXPECT_EQ(error(ErrorCode::kData), "error: the samples have no labels");
}

TEST_F(FitLoop, BadOptionsAreTold) {
  options.batch = 0;
  EXPECT_NE(error(ErrorCode::kUsage).find("a batch of 0 samples"), std::string::npos);
  options.batch = 8;
  options.epochs = -1;
  EXPECT_NE(error(ErrorCode::kUsage).find("epochs cannot be -1"), std::string::npos);
  options.epochs = 4;
  options.ports.metrics = {"accuracy"};
  EXPECT_NE(error(ErrorCode::kName).find("\"accuracy\""), std::string::npos);
  options.ports.metrics = {"label"};
  EXPECT_NE(error(ErrorCode::kType).find("not one number"), std::string::npos);
  options.ports.metrics = {"error"};
  options.resume = TrainingPosition{1, 3, 5, 16, 83, {{"loss", 1}, {"error", 1}}};
  EXPECT_NE(error(ErrorCode::kUsage).find("83 samples in batches of 16; given are 83 in batches of 8"), std::string::npos);
  options.resume = TrainingPosition{1, 3, 5, 8, 83, {{"loss", 1}}};
  EXPECT_NE(error(ErrorCode::kUsage).find("did not measure error"), std::string::npos);
}

TEST_F(FitLoop, AFixedBatchMustDivideTheSamples) {
  programs = regression(8);
  EXPECT_EQ(error(ErrorCode::kUsage),
            "error: the model is compiled for batches of 8, and 83 samples in batches of 8 do not all have that size; leave the batch open "
            "when compiling");
  data.training = regression_data(80, 1);
  data.validation = regression_data(16, 2);
  options.batch = 16;
  EXPECT_NE(error(ErrorCode::kUsage).find("batches of 16"), std::string::npos);
  options.batch = 8;
  State state = regression_state();
  Recorder recorder;
  EXPECT_EQ(train(state, recorder).position.epoch, 4);
}

TEST_F(FitLoop, ALossThatIsNoNumberIsToldWithItsStep) {
  options.checkpoint = folder.file("c.safetensors");
  State state = regression_state();
  Recorder recorder;
  try {
    train(state, recorder, [&](int64_t call) {
      if (call == 11 + 3 + 4) state.get("w").set(0, std::numeric_limits<double>::quiet_NaN());
    });
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCheck);
    EXPECT_EQ(std::string(error.what()), "error: the loss is nan in epoch 2, step 5 of 11; a smaller learning rate may help; --check-numerics finds the first operation that gives it; " +
                                             options.checkpoint + " holds the state after epoch 1");
  }
  State saved = regression_state();
  EXPECT_EQ(load_checkpoint(options.checkpoint, saved, options.identity).epoch, 1);
  EXPECT_TRUE(std::isfinite(saved.get("w").get(0)));
}

TEST_F(FitLoop, ResumeBetweenEpochsMayChangeDataAndBatch) {
  options.resume = TrainingPosition{2, 0, 5, 16, 50, {}};
  State state = regression_state();
  Recorder recorder;
  const FitResult result = train(state, recorder);
  EXPECT_EQ(recorder.epochs.size(), 2u);
  EXPECT_EQ(result.position, (TrainingPosition{4, 0, 5, 8, 83, {}}));
}

TEST_F(FitLoop, AStepTakesNothingFromTheHeap) {
  const auto allocations = [&](int64_t samples) {
    data = split_dataset(regression_data(samples, 1), .8, 0);
    State state = regression_state();
    Recorder recorder;
    const int64_t before = allocation_count();
    train(state, recorder);
    return allocation_count() - before;
  };
  allocations(200);
  EXPECT_EQ(allocations(200), allocations(4000));
}

TEST_F(FitLoop, AStepCostsMicroseconds) {
  data.training = regression_data(20000, 1);
  options.batch = 1;
  options.epochs = 2;
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    State state = regression_state();
    Recorder recorder;
    const std::clock_t start = std::clock();  // of this process: other work on the machine does not count
    train(state, recorder);
    best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC / 40000);
  }
  RecordProperty("microseconds_per_step", std::to_string(best * 1e6));
#ifdef NDEBUG
  if (!kSanitizer) EXPECT_LT(best, 5e-6);
#endif
}

class Feeding : public FitLoop {};

TEST_F(Feeding, EvaluatesWhateverTheBatch) {
  State state = regression_state();
  initialise(*native_function(programs.init, state, *team), 5);
  const auto evaluate = native_function(programs.evaluate, state, *team);
  const Evaluation whole = evaluate_dataset(*evaluate, options.ports, data.training, 83);
  EXPECT_EQ(whole.samples, 83);
  EXPECT_EQ(whole.metrics[0].first, "error");
  double loss = 0;
  for (int64_t i = 0; i < 83; ++i) {
    const float* x = data.training.features.data<float>() + 3 * i;
    const auto w = [&](int64_t k) { return state.get("w").get(k); };
    loss += std::pow(x[0] * w(0) + x[1] * w(1) + x[2] * w(2) - data.training.labels.get(i), 2) / 83;
  }
  EXPECT_NEAR(whole.loss, loss, loss * 1e-5);
  for (const int64_t batch : {1, 10, 1000})
    EXPECT_NEAR(evaluate_dataset(*evaluate, options.ports, data.training, batch).loss, loss, loss * 1e-5);
}

TEST_F(Feeding, PredictsEverySampleInOrder) {
  State state = regression_state();
  initialise(*native_function(programs.init, state, *team), 5);
  const auto predict = native_function(programs.predict, state, *team);
  Dataset unlabelled = data.training;
  unlabelled.labelled = false;
  unlabelled.labels = Tensor(DType::kF32, {0});
  const std::vector<Tensor> whole = predict_dataset(*predict, "x", {"y", "y"}, unlabelled, 83);
  ASSERT_EQ(whole.size(), 2u);
  EXPECT_EQ(whole[0].extents(), Extents{83});
  for (const int64_t batch : {1, 10, 82, 1000}) {
    const std::vector<Tensor> parts = predict_dataset(*predict, "x", {"y"}, unlabelled, batch);
    EXPECT_TRUE(same_bits(parts[0], whole[1])) << batch;
  }
}

TEST_F(Feeding, SaysWhatCannotBe) {
  State state = regression_state();
  const auto evaluate = native_function(programs.evaluate, state, *team), predict = native_function(programs.predict, state, *team);
  std::atomic<bool> stop = true;
  const auto code = [](auto&& body) {
    try {
      body();
    } catch (const Error& error) {
      return std::string(name(error.code()));
    }
    return std::string("no error");
  };
  EXPECT_EQ(code([&] { evaluate_dataset(*evaluate, options.ports, {}, 8); }), "data");
  EXPECT_EQ(code([&] { predict_dataset(*predict, "x", {"y"}, {}, 8); }), "data");
  EXPECT_EQ(code([&] { evaluate_dataset(*evaluate, options.ports, data.training, 0); }), "usage");
  EXPECT_EQ(code([&] { evaluate_dataset(*evaluate, options.ports, data.training, 8, &stop); }), "interrupted");
  EXPECT_EQ(code([&] { predict_dataset(*predict, "x", {"y"}, data.training, 8, &stop); }), "interrupted");
  EXPECT_EQ(code([&] { predict_dataset(*predict, "z", {"y"}, data.training, 8); }), "name");
  EXPECT_EQ(code([&] { predict_dataset(*evaluate, "x", {"loss"}, data.training, 8); }), "unsupported");
  Dataset wide{Tensor(DType::kF32, {5, 4}), Tensor(DType::kF32, {5})};
  EXPECT_EQ(code([&] { evaluate_dataset(*evaluate, options.ports, wide, 8); }), "check");
}

}  // namespace
}  // namespace sinter::runtime::test
