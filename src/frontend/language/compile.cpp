// From a text to a module: which model, what its train block says, and whether model and data fit.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "frontend/language/data_source.h"
#include "frontend/language/library.h"
#include "frontend/language/parse.h"
#include "frontend/language/program.h"
#include "frontend/language/suggest.h"

namespace sinter::language {
namespace {

constexpr std::string_view kSettings[] = {"data", "loss", "optimizer", "groups", "frozen", "gradients", "metrics", "epochs", "batch", "seed"};

std::vector<std::string> models_of(const File& file) {
  std::vector<std::string> names;
  for (const auto& declaration : file.declarations)
    if (declaration->kind == Declaration::Kind::kModel) names.emplace_back(declaration->name);
  return names;
}

class Compiler {
 public:
  Compiler(const File& file, const Options& options)
      : file_(file), source_(*file.source), options_(options), context_{file, library(), options.dims, {}, {}, {}} {}

  Compiled run() {
    Compiled compiled;
    compiled.models = models_of(file_);
    check_trains();
    const Declaration& model = choose_model(compiled.models);
    const TrainBlock* block = find_train(model.name);
    std::optional<TrainPlan> plan;
    if (block != nullptr) {
      compiled.train.emplace();
      plan = read_train(*block, *compiled.train);
    } else if (options_.epochs || options_.batch || options_.seed || options_.learning_rate || !options_.data.empty()) {
      throw Error(ErrorCode::kUsage, "the model '" + std::string(model.name) + "' has no train block whose settings could be overridden")
          .at({source_.file});
    }
    Program program(context_, model, plan ? &*plan : nullptr);
    compiled.module = program.emit(options_.gradient);
    compiled.inputs = program.inputs();
    compiled.outputs = program.outputs();
    check_dims();
    if (compiled.train) {
      compiled.train->totalled = program.totalled();
      compiled.train->sums = program.sums();
      finish_train(*block, model, compiled);
    }
    return compiled;
  }

 private:
  [[noreturn]] void fail(ErrorCode code, uint32_t offset, const std::string& message, const std::string& hint = {}) const {
    throw Error(code, message).at(source_.place(offset)).hint(hint);
  }

  const Declaration* find_model(std::string_view name) const {
    const Declaration* found = file_.find(name);
    return found != nullptr && found->kind == Declaration::Kind::kModel ? found : nullptr;
  }
  const TrainBlock* find_train(std::string_view model) const {
    const auto found = std::find_if(file_.trains.begin(), file_.trains.end(), [&](const TrainBlock& t) { return t.model == model; });
    return found == file_.trains.end() ? nullptr : &*found;
  }

  void check_trains() const {
    for (const TrainBlock& train : file_.trains) {
      if (find_model(train.model) == nullptr)
        fail(ErrorCode::kName, train.offset, "there is no model '" + std::string(train.model) + "' to train");
      if (find_train(train.model) != &train)
        fail(ErrorCode::kName, train.offset, "the model '" + std::string(train.model) + "' has two train blocks");
    }
  }

  const Declaration& choose_model(const std::vector<std::string>& models) const {
    if (models.empty())
      throw Error(ErrorCode::kUsage, "the text has no model").at({source_.file}).hint("write model name(x: f32[batch, 32]) -> y { ... }");
    if (!options_.model.empty()) {
      if (const Declaration* model = find_model(options_.model)) return *model;
      throw Error(ErrorCode::kName, "there is no model '" + options_.model + "'")
          .at({source_.file})
          .hint(did_you_mean(options_.model, models));
    }
    if (models.size() == 1) return *find_model(models.front());
    if (file_.trains.size() == 1) return *find_model(file_.trains.front().model);
    std::string all;
    for (const std::string& model : models) all += (all.empty() ? "" : ", ") + model;
    throw Error(ErrorCode::kUsage, "the text has several models: " + all).at({source_.file}).hint("choose one with --model");
  }

  // ---- the train block ----

  TrainPlan read_train(const TrainBlock& block, TrainSpec& spec) {
    TrainPlan plan;
    spec.model = block.model;
    for (const Setting& setting : block.settings) {
      if (setting.name == "data")
        spec.data = read_data(*setting.value, source_, std::filesystem::path(source_.file).parent_path().string());
      else if (setting.name == "loss") plan.loss = setting.value.get();
      else if (setting.name == "optimizer") plan.optimizer = setting.value.get();
      else if (setting.name == "groups") plan.groups = setting.value.get();
      else if (setting.name == "frozen") plan.frozen = setting.value.get();
      else if (setting.name == "gradients") plan.gradients = setting.value.get();
      else if (setting.name == "metrics") read_metrics(*setting.value, plan);
      else if (setting.name == "epochs") spec.epochs = whole(setting, 1, 1'000'000'000);
      else if (setting.name == "batch") spec.batch = whole(setting, 1, 1'000'000'000);
      else if (setting.name == "seed") spec.seed = static_cast<uint32_t>(whole(setting, 0, UINT32_MAX));
      else
        fail(ErrorCode::kName, setting.offset, "a train block has no setting '" + std::string(setting.name) + "'",
             did_you_mean(setting.name, kSettings, "the settings are data, loss, optimizer, groups, frozen, gradients, metrics, epochs, batch and seed"));
    }
    if (plan.loss == nullptr)
      fail(ErrorCode::kType, block.offset, "this train block has no loss", "write loss = cross_entropy(logits, label), for example");
    if (plan.optimizer == nullptr)
      fail(ErrorCode::kType, block.offset, "this train block has no optimizer",
           "write optimizer = adam(learning_rate = 0.001), for example");
    if (!options_.data.empty()) spec.data = read_data_option(options_.data, spec.data);
    if (spec.data) spec.normalise = normalise_of(*spec.data);
    plan.normalise = spec.normalise != Normalise::kNone;
    if (options_.learning_rate && !(std::isfinite(*options_.learning_rate) && *options_.learning_rate >= 0))
      throw Error(ErrorCode::kUsage, "the learning rate is a finite number from 0, not " + to_text(*options_.learning_rate));
    plan.learning_rate = options_.learning_rate;
    for (const auto& [name, expression] : plan.metrics) spec.metrics.push_back(name);
    context_.measured = spec.metrics;
    context_.measured.insert(context_.measured.begin(), "loss");
    if (options_.epochs) spec.epochs = positive(*options_.epochs, "epochs");
    if (options_.batch) spec.batch = positive(*options_.batch, "batch");
    if (options_.seed) spec.seed = *options_.seed;
    return plan;
  }

  static int64_t positive(int64_t value, const char* option) {
    if (value > 1'000'000'000) throw Error(ErrorCode::kUsage, std::string(option) + " is a whole number up to 1000000000");  // a larger one may have been cut when it was read
    if (value >= 1) return value;
    throw Error(ErrorCode::kUsage, std::string(option) + " is a whole number from 1, not " + std::to_string(value));
  }

  int64_t whole(const Setting& setting, int64_t lowest, int64_t highest) {
    VariableTable table;
    Emission emission(table, false);
    Lowering lowering(context_, emission);
    Frame frame{.source = &source_};
    const Datum value = lowering.evaluate(*setting.value, frame);
    const auto known = value.known_integer();
    if (known && *known >= lowest && *known <= highest) return *known;
    fail(ErrorCode::kType, setting.value->offset,
         "'" + std::string(setting.name) + "' is " + lowering.describe(value) + ", not a whole number from " + std::to_string(lowest) +
             " to " + std::to_string(highest));
  }

  void read_metrics(const Expression& list, TrainPlan& plan) const {
    if (list.kind != Expression::Kind::kList)
      fail(ErrorCode::kType, list.offset, "metrics are a list", "write metrics = [accuracy(logits, label)]");
    for (const NamedExpression& item : list.arguments) {
      std::string name(item.name);
      if (name.empty() && item.value->kind == Expression::Kind::kCall) name = item.value->operands[0]->text;
      if (name.empty()) fail(ErrorCode::kType, item.offset, "this metric has no name", "write name = ... in the list");
      const bool twice =
          name == "loss" || std::any_of(plan.metrics.begin(), plan.metrics.end(), [&](const auto& m) { return m.first == name; });
      if (twice) fail(ErrorCode::kName, item.offset, "two values are named '" + name + "'", "write name = ... before one of the metrics");
      plan.metrics.emplace_back(name, item.value.get());
    }
  }

  // ---- whether all fits ----

  void check_dims() const {
    for (const auto& [symbol, value] : options_.dims) {
      if (!context_.symbols.contains(symbol)) {
        throw Error(ErrorCode::kUsage, "the model has no symbol '" + symbol + "' to compile in")
            .at({source_.file})
            .hint(did_you_mean(symbol, context_.symbols));
      }
      if (value < 0) throw Error(ErrorCode::kUsage, "the symbol '" + symbol + "' cannot be " + std::to_string(value)).at({source_.file});
    }
  }

  void finish_train(const TrainBlock& block, const Declaration& model, Compiled& compiled) const {
    TrainSpec& spec = *compiled.train;
    spec.outputs = compiled.outputs;
    if (compiled.inputs.empty()) fail(ErrorCode::kType, block.offset, "the model '" + spec.model + "' has no input that data could feed");
    spec.feature = compiled.inputs.front();
    spec.label_is_classes = context_.label && context_.label->dtype == DType::kI64 && *context_.label != *context_.output;
    if (spec.label_is_classes && context_.output->shape.rank() > 0) spec.classes = context_.output->shape.dims().back().as_constant();

    const Shape& shape = compiled.module.variable(spec.feature).type.shape;
    if (shape.rank() == 0)
      fail(ErrorCode::kType, block.offset, "the input '" + spec.feature + "' is a scalar; data come in batches along its first dim");
    spec.batch_symbol = shape[0].as_symbol();
    if (const auto fixed = shape[0].as_constant()) fix_batch(block, model, *fixed, spec);
    if (spec.data) check_data(*spec.data, spec, shape);
  }

  /// The first dim of what data feed is a number: the batch is that number, unless it was chosen to be another. A dim that was compiled in
  /// comes from the same hand as --batch, so it outweighs what the text says.
  void fix_batch(const TrainBlock& block, const Declaration& model, int64_t fixed, TrainSpec& spec) const {
    if (fixed == spec.batch) return;
    const std::string differ = " is " + std::to_string(spec.batch) + ", the first dim of '" + spec.feature + "' is " + std::to_string(fixed);
    const bool specialised = follows_specialised(model, spec.feature);
    if (specialised && options_.batch)
      throw Error(ErrorCode::kUsage, "--batch" + differ + " by --specialize").at({source_.file}).hint("give both the same size, or one of them alone");
    const auto is_batch = [](const Setting& setting) { return setting.name == "batch"; };
    if (!specialised && (options_.batch || std::any_of(block.settings.begin(), block.settings.end(), is_batch)))
      fail(ErrorCode::kType, block.offset, "the batch" + differ);
    spec.batch = fixed;
  }

  /// The first dim of an input is written with a symbol that is compiled in.
  bool follows_specialised(const Declaration& model, std::string_view input) const {
    for (const Parameter& parameter : model.parameters)
      if (parameter.name == input && parameter.type && !parameter.type->axes.empty() && parameter.type->axes[0].dim != nullptr)
        return names_specialised(*parameter.type->axes[0].dim);
    return false;
  }
  bool names_specialised(const Expression& dim) const {
    if (dim.kind == Expression::Kind::kName) return options_.dims.contains(dim.text);
    return std::any_of(dim.operands.begin(), dim.operands.end(), [&](const ExpressionPtr& operand) { return names_specialised(*operand); });
  }

  static void check_data(const DataSpec& data, const TrainSpec& spec, const Shape& shape) {
    Dim width = 1;
    for (size_t axis = 1; axis < shape.rank(); ++axis) width = width * shape[axis];
    const auto expect_width = [&](int64_t wanted) {
      if (width == Dim(wanted)) return;
      throw Error(ErrorCode::kType, data.source + " yields " + std::to_string(wanted) + " features, the input '" + spec.feature +
                                        "' takes " + width.to_string())
          .at(data.place);
    };
    if (data.source == "digits") expect_width(64);
    if (data.source == "xor") expect_width(2);
    const auto known = data.arguments.find("classes");
    const int64_t classes = data.source == "digits"         ? 10
                            : data.source == "xor"          ? 2
                            : known != data.arguments.end() ? std::get<int64_t>(known->second)
                                                            : 0;
    if (spec.label_is_classes && spec.classes && classes > *spec.classes) {
      throw Error(ErrorCode::kType, data.source + " yields " + std::to_string(classes) + " classes, the model's first output has " +
                                        std::to_string(*spec.classes))
          .at(data.place);
    }
  }

  const File& file_;
  const Source& source_;
  const Options& options_;
  Context context_;
};

}  // namespace

namespace {

/// Work on the syntax tree of a text; an error without a place is in this file.
template <class Work> auto with_parsed(std::string_view text, const std::string& file, const Work& work) {
  auto source = std::make_shared<Source>();
  source->file = file;
  source->text = text;
  try {
    const File parsed = parse(source);
    return work(parsed);
  } catch (Error& error) {
    if (!error.place().known()) error.at({file});
    throw;
  }
}

}  // namespace

Compiled compile_text(std::string_view text, const std::string& file, const Options& options) {
  return with_parsed(text, file, [&](const File& parsed) { return Compiler(parsed, options).run(); });
}

std::vector<std::string> model_names(std::string_view text, const std::string& file) { return with_parsed(text, file, models_of); }

}  // namespace sinter::language
