// Training natively, from text to accuracy: what each example reaches, the same bits for any team, resuming, and a model that is too small.
#include "driver/training.h"

#include <gtest/gtest.h>

#include <cmath>

#include "driver/compile.h"
#include "driver/reference_function.h"
#include "io/mapping.h"
#include "runtime/fit.h"
#include "support/sanitizers.h"
#include "support/temporary_folder.h"

namespace sinter::driver {
namespace {

using runtime::EpochRecord;

std::string example(const std::string& name) { return io::read_text(std::string(SINTER_SOURCE_DIR) + "/examples/" + name + ".sinter"); }

/// One training: the model, its data, its state.
class Trainer : public runtime::FitObserver {
 public:
  explicit Trainer(const std::string& text, const language::Options& options = {},
                   std::unique_ptr<runtime::Team> team = runtime::serial_team())
      : compiled_(language::compile_text(text, "test.sinter", options)), team_(std::move(team)) {
    const language::TrainSpec& train = *compiled_.train;
    declare_variables(compiled_.module, state);
    const runtime::DataRequest request = data_request(compiled_.module, train);
    data_ = runtime::load_data(request);
    this->options.ports = {train.feature, train.label, train.metrics, train.label_is_classes, train.classes, train.sums, train.totalled};
    if (compiled_.module.find_function("measure") != nullptr) measure_ = reference_function(compiled_.module, "measure", state);
    this->options.ports.measure = measure_.get();
    this->options.epochs = train.epochs;
    this->options.batch = train.batch;
    this->options.seed = train.seed;
    this->options.shuffle = runtime::wants_shuffle(request);
    this->options.normalise = normalise_of(train);
    this->options.identity = identity_of(compiled_.module);
  }

  /// Of the training part and of the validation part.
  std::pair<int64_t, int64_t> samples() const { return {data_.training.samples(), data_.validation.samples()}; }

  runtime::FitResult train() {
    const auto init = function("init"), step = function("step"), evaluate = function("evaluate");
    return runtime::fit({init.get(), step.get(), evaluate.get()}, state, data_, options, *this);
  }
  void epoch(const EpochRecord& record) override {
    epochs.push_back(record);
    if (stop_after == record.epoch) stop = true;
  }
  void progress(const runtime::FitProgress& done) override {
    if (stop_at_step > 0 && done.step >= stop_at_step) stop = true;
  }
  const EpochRecord& last() const { return epochs.back(); }

  runtime::State state;
  runtime::FitOptions options;
  std::vector<EpochRecord> epochs;
  std::atomic<bool> stop = false;
  int64_t stop_after = 0, stop_at_step = 0;

 private:
  std::unique_ptr<runtime::Function> function(std::string_view name) {
    CompileOptions uncached;
    uncached.use_cache = false;
    return runtime::native_function(compile(compiled_.module, name, uncached), state, *team_);
  }

  language::Compiled compiled_;
  std::unique_ptr<runtime::Team> team_;
  std::unique_ptr<runtime::Function> measure_;
  runtime::DataSplit data_;
};

void expect_same(const runtime::State& a, const runtime::State& b) {
  for (const auto& entry : a.entries()) EXPECT_TRUE(same_bits(entry.value, b.get(entry.name))) << entry.name;
}

TEST(Training, ExamplesLearnWhatTheyShould) {
  const std::pair<const char*, double> expected[] = {{"neuron", .95}, {"two_three_one", .95}, {"classifier", .95}, {"digits", .95}};
  for (const auto& [name, accuracy] : expected) {
    Trainer trainer(example(name));
    trainer.train();
    EXPECT_GE(trainer.last().val_metrics.at(0).second, accuracy) << name;
    EXPECT_LT(trainer.last().loss, trainer.epochs[0].loss / 2) << name;
  }
}

TEST(Training, DigitsAreBeyondALinearModel) {
  std::string text = example("digits");
  const size_t begin = text.find("    h1 ="), end = text.find("    logits =");
  ASSERT_LT(begin, end);
  text.erase(begin, end - begin);
  text.replace(text.find("dense(h2"), 8, "dense(x");
  language::Options options;
  options.epochs = 20;
  Trainer trainer(text, options);
  trainer.train();
  for (const EpochRecord& record : trainer.epochs) EXPECT_LT(record.val_metrics.at(0).second, .85) << "epoch " << record.epoch;
  EXPECT_GT(trainer.last().val_metrics.at(0).second, .6);
}

TEST(Training, AnyTeamGivesTheSameWeights) {
  language::Options options;
  options.epochs = 2;
  Trainer alone(example("classifier"), options);
  alone.train();
  for (const int size : {2, 3, 8}) {
    for (const bool openmp : {false, true}) {
      if (openmp && test::kThreadSanitizer) continue;
      Trainer together(example("classifier"), options, openmp ? runtime::openmp_team(size) : runtime::thread_team(size));
      together.train();
      expect_same(alone.state, together.state);
    }
  }
}

TEST(Training, ResumesToTheSameWeights) {
  const test::TemporaryFolder folder;
  language::Options options;
  options.epochs = 4;
  Trainer whole(example("digits"), options);
  whole.train();

  Trainer first(example("digits"), options);
  first.options.checkpoint = folder.file("c.safetensors");
  first.options.stop = &first.stop;
  first.stop_after = 2;
  EXPECT_TRUE(first.train().interrupted);

  Trainer second(example("digits"), options);
  second.options.resume = runtime::load_checkpoint(first.options.checkpoint, second.state, second.options.identity);
  second.train();
  expect_same(whole.state, second.state);
  ASSERT_EQ(second.epochs.size(), 2u);
  EXPECT_EQ(second.last().loss, whole.last().loss);
  EXPECT_EQ(second.last().val_metrics, whole.last().val_metrics);
}

TEST(Training, SchedulesResumeToTheSameWeights) {
  const test::TemporaryFolder folder;
  const std::string digits = example("digits");
  const size_t begin = digits.find("    optimizer"), end = digits.find('\n', begin);
  ASSERT_LT(begin, end);
  language::Options options;
  options.epochs = 4;
  for (const char* optimizer : {"adam(plateau(0.003, patience = 0, threshold = 0.5, monitor = \"loss\"))", "sgd(warmup(one_cycle(0.1), steps = 20), momentum = 0.9)"}) {
    SCOPED_TRACE(optimizer);
    const std::string text = digits.substr(0, begin) + "    optimizer = " + optimizer + "\n    gradients = clip_norm(gradients, 5)" + digits.substr(end);
    Trainer whole(text, options);
    whole.train();
    EXPECT_LT(whole.last().loss, whole.epochs[0].loss);
    for (const char* state : {"train.learning_rate.reached"})  // lowered more than once: each epoch has to be much better
      if (whole.state.contains(state)) EXPECT_LE(whole.state.get(state).get(0), 0.00031);

    Trainer first(text, options);
    first.options.checkpoint = folder.file("c.safetensors");
    first.options.stop = &first.stop;
    first.stop_after = 2;
    EXPECT_TRUE(first.train().interrupted);
    Trainer second(text, options);
    second.options.resume = runtime::load_checkpoint(first.options.checkpoint, second.state, second.options.identity);
    second.train();
    expect_same(whole.state, second.state);
  }
}

TEST(Training, MetricsOfSumsAreOfTheWholeEpochAlsoWhenItIsInterrupted) {
  const test::TemporaryFolder folder;
  std::string text = example("digits");
  const size_t begin = text.find("metrics"), end = text.find(']', begin);
  ASSERT_LT(begin, end);
  text.replace(begin, end + 1 - begin, "metrics = [f1(logits, label), accuracy(logits, label), confusion_matrix(logits, label), perplexity(logits, label)]");
  language::Options options;
  options.epochs = 2;
  Trainer whole(text, options);
  whole.train();
  const EpochRecord& last = whole.last();
  ASSERT_EQ(last.metrics.size(), 3U);
  EXPECT_EQ(last.metrics[0].first, "f1");
  EXPECT_NEAR(last.metrics[2].second, std::exp(last.loss), 1e-5 * last.metrics[2].second);
  EXPECT_NEAR(last.val_metrics[2].second, std::exp(*last.val_loss), 1e-5 * last.val_metrics[2].second);
  // The matrix counts each sample once; its diagonal is the accuracy.
  for (const auto& [tables, metrics, samples] : {std::tuple(&last.tables, &last.metrics, whole.samples().first), std::tuple(&last.val_tables, &last.val_metrics, whole.samples().second)}) {
    const Tensor& matrix = tables->at(0).second;
    double all = 0, hits = 0;
    for (int64_t i = 0; i < 100; ++i) {
      all += matrix.get(i);
      if (i % 11 == 0) hits += matrix.get(i);
    }
    EXPECT_EQ(all, static_cast<double>(samples));
    EXPECT_NEAR(hits / all, metrics->at(1).second, 1e-6);
  }

  Trainer first(text, options);
  first.options.checkpoint = folder.file("c.safetensors");
  first.options.stop = &first.stop;
  first.options.progress_interval = 0;
  first.stop_at_step = 7;
  EXPECT_TRUE(first.train().interrupted);
  Trainer second(text, options);
  second.options.resume = runtime::load_checkpoint(first.options.checkpoint, second.state, second.options.identity);
  EXPECT_EQ(second.options.resume->step, 7);
  second.train();
  expect_same(whole.state, second.state);
  ASSERT_EQ(second.epochs.size(), 2U);
  for (size_t epoch = 0; epoch < 2; ++epoch) {
    EXPECT_EQ(second.epochs[epoch].metrics, whole.epochs[epoch].metrics);
    EXPECT_TRUE(same_bits(second.epochs[epoch].tables.at(0).second, whole.epochs[epoch].tables.at(0).second));
  }
}

TEST(Training, CheckpointsOfAnotherTrainingAreRefused) {
  const test::TemporaryFolder folder;
  language::Options options;
  options.epochs = 1;
  Trainer trainer(example("classifier"), options);
  trainer.options.checkpoint = folder.file("c.safetensors");
  trainer.train();
  options.learning_rate = .5;
  Trainer other(example("classifier"), options);
  EXPECT_THROW(runtime::load_checkpoint(trainer.options.checkpoint, other.state, other.options.identity), Error);
  runtime::load_weights(trainer.options.checkpoint, other.state, other.options.identity);
  EXPECT_TRUE(same_bits(other.state.get("h1.weight"), trainer.state.get("h1.weight"))) << "the weights are good for any training";
  Trainer digits(example("digits"), options);
  EXPECT_THROW(runtime::load_weights(trainer.options.checkpoint, digits.state, digits.options.identity), Error);
}

}  // namespace
}  // namespace sinter::driver
