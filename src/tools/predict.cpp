// sinter predict: what a trained model says of data.
#include <cmath>
#include <iostream>

#include "base/text.h"
#include "driver/training.h"
#include "io/atomic_write.h"
#include "tools/command_line.h"

namespace sinter::tools {
namespace {

struct Options {
  ModelOptions model;
  RunOptions run;
  std::string out;
  int64_t show = 0;
};

/// Predictions of the first output: the class with the largest score, or the values themselves.
class Predictions {
 public:
  Predictions(Tensor scores, bool classes) : scores_(std::move(scores)), classes_(classes) {
    width_ = scores_.extents().empty() || scores_.extents()[0] == 0 ? 1 : scores_.size() / scores_.extents()[0];
  }
  int64_t count() const { return scores_.extents()[0]; }
  int64_t best(int64_t sample) const {
    int64_t best = 0;
    for (int64_t i = 1; i < width_; ++i)
      if (scores_.get(sample * width_ + i) > scores_.get(sample * width_ + best)) best = i;
    return best;
  }
  /// The softmax of the winner's score.
  double probability(int64_t sample) const {
    const double top = scores_.get(sample * width_ + best(sample));
    double sum = 0;
    for (int64_t i = 0; i < width_; ++i) sum += std::exp(scores_.get(sample * width_ + i) - top);
    return 1 / sum;
  }
  std::string text(int64_t sample) const {
    if (classes_) return std::to_string(best(sample));
    std::string values;
    for (int64_t i = 0; i < width_; ++i) values += (i ? "," : "") + to_text(scores_.get(sample * width_ + i));
    return values;
  }
  bool classes() const { return classes_; }

 private:
  Tensor scores_;
  bool classes_;
  int64_t width_ = 1;
};

/// Side by side, features whose count is a square as pictures, with what the model says and what is true.
void show_samples(const runtime::Dataset& data, const Predictions& predictions, int64_t count) {
  count = std::min(count, predictions.count());
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
      if (predictions.classes()) caption += " (" + format_number(100 * predictions.probability(sample), 0) + " %)";
      if (data.labelled) caption += std::to_string(data.labels.get_integer(sample)) == predictions.text(sample) ? "" : ", is " + std::to_string(data.labels.get_integer(sample));
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

void run(const Options& options) {
  if (options.run.weights.empty()) throw Error(ErrorCode::kUsage, "predict needs trained weights").hint("--weights W.safetensors, written by sinter train --out");
  const Opened opened = open_model(options.model);
  const language::TrainSpec& train = train_block(opened, "predict");
  if (opened.outputs.empty()) throw Error(ErrorCode::kUsage, "the model has no output");
  check_apart({{"--out", options.out}}, files_read(options.model, options.run, &train));
  runtime::DataRequest request = driver::data_request(opened.module, train);
  request.label_optional = true;
  const InterruptGuard guard;
  // New data are predicted whole; of the data that trained, what was held out.
  runtime::Dataset data = options.model.data.empty() ? runtime::load_data(request).validation : runtime::load_dataset(request);
  if (data.samples() == 0) throw Error(ErrorCode::kUsage, "no samples are held out").hint("give new ones: --data FILE.csv");
  const auto team = make_team(options.run.threads);
  runtime::State state;
  prepare_state(opened, options.run, train.seed, state, *team);
  const auto predict = make_function(opened, "predict", options.run, state, *team);
  const Predictions predictions(runtime::predict_dataset(*predict, train.feature, {opened.outputs[0]}, data, train.batch, &InterruptGuard::flag())[0], train.label_is_classes);
  if (options.show > 0) show_samples(data, predictions, options.show);
  if (options.show > 0 && options.out.empty()) return;
  std::string text;
  for (int64_t sample = 0; sample < predictions.count(); ++sample) text += predictions.text(sample) + "\n";
  if (options.out.empty()) {
    std::cout << text;
  } else {
    io::write_atomically(options.out, text);
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
  verb->add_option("-o,--out", options->out, "Write one line per sample here; to the terminal unless given");
  verb->add_option("--show", options->show, "Show this many samples with their predictions")->check(whole_number(1, 100));
  verb->callback([options] { run(*options); });
}

}  // namespace sinter::tools
