// sinter predict: what a trained model says of data.
#include <cmath>
#include <iostream>
#include <numeric>

#include "base/text.h"
#include "driver/training.h"
#include "io/atomic_write.h"
#include "io/npy.h"
#include "tools/command_line.h"
#include "tools/load_data.h"

namespace sinter::tools {
namespace {

struct Options {
  ModelOptions model;
  RunOptions run;
  std::string out;
  int64_t show = 0;
};

/// Predictions of the first output: the class with the largest score, for each place where the output has several, or the values themselves.
class Predictions {
 public:
  Predictions(Tensor scores, bool classes, const runtime::DataFacts* facts) : scores_(std::move(scores)), classes_(classes), facts_(facts) {
    const Extents& extents = scores_.extents();
    if (!extents.empty() && extents[0] > 0) width_ = scores_.size() / extents[0];
    if (classes_ && extents.size() > 1 && extents.back() > 0) places_ = width_ / extents.back();
  }
  int64_t count() const { return scores_.extents()[0]; }
  bool classes() const { return classes_; }
  /// The class, and the softmax of its score.
  std::pair<int64_t, double> best(int64_t sample, int64_t place = 0) const {
    const int64_t scores = width_ / places_, first = sample * width_ + place * scores;
    int64_t best = 0;
    for (int64_t i = 1; i < scores; ++i)
      if (scores_.get(first + i) > scores_.get(first + best)) best = i;
    double sum = 0;
    for (int64_t i = 0; i < scores; ++i) sum += std::exp(scores_.get(first + i) - scores_.get(first + best));
    return {best, 1 / sum};
  }
  /// The name of a class where the training data had names.
  std::string class_name(int64_t label) const {
    const auto of = [&](const std::vector<std::string>& names) { return label >= 0 && label < static_cast<int64_t>(names.size()) ? names[static_cast<size_t>(label)] : std::to_string(label); };
    if (facts_ == nullptr) return std::to_string(label);
    return facts_->vocabulary.empty() ? of(facts_->classes) : of(facts_->vocabulary);
  }
  std::string text(int64_t sample) const {
    std::string text;
    const bool characters = facts_ != nullptr && !facts_->vocabulary.empty();
    for (int64_t i = 0; classes_ && i < places_; ++i) text += (i && !characters ? " " : "") + class_name(best(sample, i).first);
    for (int64_t i = 0; !classes_ && i < width_; ++i) text += (i ? "," : "") + to_text(scores_.get(sample * width_ + i));
    return text;
  }
  /// One line of a csv file.
  std::string line(int64_t sample) const {
    const std::string plain = text(sample);
    if (!classes_ || plain.find_first_of(",\"\n\r") == std::string::npos) return plain + "\n";
    std::string field = "\"";
    for (const char c : plain) field += c == '"' ? "\"\"" : std::string(1, c);
    return field + "\"\n";
  }
  /// Classes as numbers, values as they are.
  Tensor array() const {
    if (!classes_) return scores_;
    Extents extents(scores_.extents().begin(), scores_.extents().end() - (scores_.rank() > 1 ? 1 : 0));
    Tensor labels(DType::kI64, extents);
    for (int64_t i = 0; i < labels.size(); ++i) labels.set_integer(i, best(i / places_, i % places_).first);
    return labels;
  }

 private:
  Tensor scores_;
  bool classes_;
  const runtime::DataFacts* facts_;
  int64_t width_ = 1, places_ = 1;
};

/// Side by side, features whose count is a square as pictures, with what the model says and what is true.
void show_samples(const runtime::Dataset& all, const Predictions& predictions, int64_t count) {
  count = std::min(count, predictions.count());
  std::vector<int64_t> first(static_cast<size_t>(count));
  std::iota(first.begin(), first.end(), 0);
  const runtime::Dataset data = runtime::take(all, first);
  const int64_t width = data.features.size() / data.samples();
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(width))));
  if (side * side == width && side >= 4 && side <= 32) {
    double low = data.features.get(0), high = low;
    for (int64_t i = 0; i < count * width; ++i) low = std::min(low, data.features.get(i)), high = std::max(high, data.features.get(i));
    static constexpr const char* kInk[] = {"  ", "░░", "▒▒", "▓▓", "██"};
    for (int64_t row = 0; row < side; ++row) {
      for (int64_t sample = 0; sample < count; ++sample) {
        for (int64_t column = 0; column < side; ++column) {
          const double ink = (data.features.get(sample * width + row * side + column) - low) / std::max(high - low, 1e-30);
          std::cout << kInk[std::min<int64_t>(4, static_cast<int64_t>(ink * 5))];
        }
        std::cout << "   ";
      }
      std::cout << "\n";
    }
    for (int64_t sample = 0; sample < count; ++sample) {
      std::string caption = predictions.text(sample);
      if (predictions.classes()) caption += " (" + format_number(100 * predictions.best(sample).second, 0) + " %)";
      const std::string truth = data.labelled ? predictions.class_name(data.labels.get_integer(sample)) : "";
      if (data.labelled && truth != predictions.text(sample)) caption += ", is " + truth;
      caption.resize(static_cast<size_t>(std::max<int64_t>(2 * side + 3, static_cast<int64_t>(caption.size()))), ' ');
      std::cout << caption;
    }
    std::cout << "\n";
    return;
  }
  std::vector<std::vector<std::string>> rows{{"sample", "prediction", "label"}};
  for (int64_t sample = 0; sample < count; ++sample)
    rows.push_back({std::to_string(sample), predictions.text(sample), data.labelled ? to_text(data.labels.get(sample)) : ""});
  std::cout << table(rows, {0});
}

runtime::Dataset held_out(const runtime::DataRequest& request) {
  runtime::DataSplit data = runtime::load_data(request);
  return std::move(data.test.samples() > 0 ? data.test : data.validation);
}

void run(const Options& options) {
  if (options.run.weights.empty()) throw Error(ErrorCode::kUsage, "predict needs trained weights").hint("--weights W.safetensors, written by sinter train --out");
  const Opened opened = open_model(options.model);
  const language::TrainSpec& train = train_block(opened, "predict");
  if (opened.outputs.empty()) throw Error(ErrorCode::kUsage, "the model has no output");
  check_apart({{"--out", options.out}}, files_read(options.model, options.run, &train));
  runtime::DataRequest request = data_request(opened, train, options.run.weights);
  request.label_optional = true;
  const InterruptGuard guard;
  // New data are predicted whole; of the data that trained, what was held out.
  const runtime::Dataset data = options.model.data.empty() ? held_out(request) : runtime::load_test_dataset(request);
  tell_notes(data);
  if (data.samples() == 0) throw Error(ErrorCode::kUsage, "no samples are held out").hint("give new ones: --data PATH");
  const auto team = make_team(options.run.threads);
  runtime::State state;
  prepare_state(opened, options.run, train.seed, state, *team);
  const auto predict = make_function(opened, "predict", options.run, state, *team);
  const Predictions predictions(runtime::predict_dataset(*predict, train.feature, {opened.outputs[0]}, data, train.batch, &InterruptGuard::flag())[0], train.label_is_classes,
                                request.known.get());
  if (options.show > 0) show_samples(data, predictions, options.show);
  if (options.show > 0 && options.out.empty()) return;
  if (options.out.ends_with(".npy")) {
    io::write_npy(options.out, predictions.array());
  } else {
    std::string text;
    for (int64_t sample = 0; sample < predictions.count(); ++sample) text += predictions.line(sample);
    if (options.out.empty()) std::cout << text;
    else io::write_atomically(options.out, text);
  }
  if (!options.out.empty()) {
    std::cerr << "wrote " << format_count(predictions.count()) << " predictions to " << options.out << "\n";
  }
}

}  // namespace

void add_predict(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("predict", "What a trained model says of data: classes, or values");
  add_model_options(*verb, options->model);
  verb->add_option("--batch", options->model.batch, "Samples at a time");
  add_run_options(*verb, options->run);
  verb->add_option("-o,--out", options->out, "Write one line per sample here, or an array when the name ends with .npy; to the terminal unless given");
  verb->add_option("--show", options->show, "Show this many samples with their predictions")->check(whole_number(1, 100));
  verb->callback([options] { run(*options); });
}

}  // namespace sinter::tools
