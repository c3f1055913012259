#include "frontend/language/program.h"

#include <algorithm>

namespace sinter::language {
namespace {

const TensorType kCounter{DType::kU32, {}};

/// Raises the error that names clash with words of the compiler as a mistake of the model's text.
void declare(VariableTable& table, DeclaredVariable declared) {
  const Spot spot{declared.source, declared.offset};
  try {
    table.declare(std::move(declared));
  } catch (Error& error) {
    throw error.at(spot.place());
  }
}

}  // namespace

ir::Module Program::emit(bool gradient) {
  ir::Module module;
  module.name = std::string(model_.name);
  ir::Function predict = emit_predict();
  std::vector<ir::Function> training;
  if (train_ != nullptr) {
    declare(table_, {{"train.step", Role::kState, kCounter, {}}, Dim(0)});
    declare(table_, {{"train.seed", Role::kState, kCounter, {}}, Dim(0)});
    training.push_back(emit_evaluate());
    training.push_back(emit_step());
    if (!totalled_.empty()) training.push_back(emit_measure());
  }
  if (gradient) training.push_back(train_ != nullptr ? emit_loss_gradient() : emit_gradient({}));
  module.functions.push_back(emit_init());
  module.functions.push_back(std::move(predict));
  for (ir::Function& function : training) module.functions.push_back(std::move(function));
  for (const DeclaredVariable* declared : table_.by_role()) module.variables.push_back(declared->variable);
  return module;
}

void Program::add_gradient(ir::Module& module, const std::set<std::string, std::less<>>& without) {
  module.functions.push_back(emit_gradient(without));
  module.variables.clear();
  for (const DeclaredVariable* declared : table_.by_role()) module.variables.push_back(declared->variable);
}

Program::Results Program::run_model(Lowering& lowering, Emission& emission, Frame& frame) {
  frame.source = model_.source;
  frame.declaration = &model_;
  frame.layer = &frame;
  frame.has_variables = true;
  lowering.bind_inputs(model_, frame, [&](const std::string& input, ir::Value value) {
    return train_ != nullptr && train_->normalise ? normalised(emission, input, value, frame) : value;
  });
  Results results = lowering.run(model_, frame);
  for (size_t i = 0; i < results.size(); ++i) {
    const auto* value = results[i].second.as<ir::Value>();
    if (value == nullptr) {
      lowering.fail(ErrorCode::kType, frame, model_.results[i].offset,
                    "the result '" + std::string(results[i].first) + "' is " + lowering.describe(results[i].second) + ", not a tensor");
    }
    if (i == 0) context_.output = emission.builder().type(*value);
  }
  return results;
}

ir::Value Program::normalised(Emission& emission, const std::string& input, ir::Value value, const Frame& frame) {
  ir::Builder& builder = emission.builder();
  const TensorType type = builder.type(value);
  TensorType row{type.dtype, {}};
  for (size_t axis = 1; axis < type.shape.rank(); ++axis) row.shape.push_back(type.shape[axis]);
  if (!is_float(type.dtype) || type.shape.rank() == 0 || !row.shape.is_constant()) {
    throw Error(ErrorCode::kType, "the input '" + input + "' of type " + type.to_string() + " cannot be normalised")
        .at(frame.source->place(model_.offset))
        .hint("a float input whose dims after the first are constants can");
  }
  for (const auto& [name, initial] : {std::pair{"data.mean", 0}, std::pair{"data.scale", 1}}) {
    declare(table_, {{name, Role::kState, row, {}}, Dim(initial), frame.source, model_.offset});
  }
  builder.set_name("data");
  const ir::Value mean = builder.broadcast_to(emission.read("data.mean"), type.shape);
  const ir::Value scale = builder.broadcast_to(emission.read("data.scale"), type.shape);
  return builder.call("multiply", {builder.call("subtract", {value, mean}), scale});
}

ir::Function Program::emit_predict() {
  Emission emission(table_, /*training=*/false);
  Lowering lowering(context_, emission);
  Frame frame;
  const Results results = run_model(lowering, emission, frame);
  for (const DeclaredVariable* declared : table_.by_role()) {
    if (declared->variable.role == Role::kInput) inputs_.push_back(declared->variable.name);
  }
  for (size_t i = 0; i < results.size(); ++i) {
    const std::string name(results[i].first);
    const ir::Value value = *results[i].second.as<ir::Value>();
    if (train_ != nullptr && name == "label") {
      lowering.fail(ErrorCode::kName, frame, model_.results[i].offset, "a result of a model that is trained cannot be named 'label', which belongs to the compiler",
                    "give it another name");
    }
    declare(table_, {{name, Role::kOutput, emission.builder().type(value), {}}, None{}, model_.source, model_.results[i].offset});
    emission.write(name, value);
    outputs_.push_back(name);
  }
  return emission.finish("predict");
}

// ---- training ----

void Program::read_label(Emission& emission) {
  if (!context_.label) context_.label = context_.output;  // neither loss nor metrics look at it
  declare(table_, {{"label", Role::kInput, *context_.label, {}}, None{}, model_.source, model_.offset});
  emission.read_input("label");
}

void Program::write_scalar(Lowering& lowering, Emission& emission, Frame& frame, const std::string& name, const Expression& expression,
                           ir::Value* kept) {
  ir::Builder& builder = emission.builder();
  builder.set_name(name);
  lowering.begin_metric(name == "loss" ? std::string() : name, /*of_totals=*/false);
  const Datum datum = lowering.evaluate(expression, frame);
  if (!lowering.sums().empty()) {
    if (std::find(totalled_.begin(), totalled_.end(), name) != totalled_.end()) return;  // of another function
    totalled_.push_back(name);
    sums_.insert(sums_.end(), lowering.sums().begin(), lowering.sums().end());
    return;
  }
  const auto* value = datum.as<ir::Value>();
  const bool fits = value != nullptr && builder.shape(*value).rank() == 0 && is_float(builder.dtype(*value));
  if (!fits) {
    const bool tensor = value != nullptr && builder.shape(*value).rank() > 0;
    lowering.fail(
        ErrorCode::kType, frame, expression.offset,
        (name == "loss" ? "the loss" : "the metric '" + name + "'") + std::string(" is ") + lowering.describe(datum) + ", not one float",
        tensor ? "take the mean over the batch: mean(...)" : "");
  }
  if (std::find(outputs_.begin(), outputs_.end(), name) != outputs_.end()) {
    lowering.fail(ErrorCode::kName, frame, expression.offset, "'" + name + "' is the name of a result of the model and of a metric or loss",
                  "give the result or the metric another name");
  }
  declare(table_, {{name, Role::kOutput, {DType::kF32, {}}, {}}, None{}, frame.source, expression.offset});
  emission.write(name, builder.cast(*value, DType::kF32));
  if (kept != nullptr) *kept = *value;
}

void Program::write_totalled(Lowering& lowering, Emission& emission, Frame& frame, const std::string& name, const Expression& expression) {
  ir::Builder& builder = emission.builder();
  builder.set_name(name);
  lowering.begin_metric(name, /*of_totals=*/true);
  const Datum datum = lowering.evaluate(expression, frame);
  const auto* value = datum.as<ir::Value>();
  if (value == nullptr || !builder.shape(*value).is_constant()) {
    lowering.fail(ErrorCode::kType, frame, expression.offset, "the metric '" + name + "' is " + lowering.describe(datum) + ", not a number or numbers of a constant shape");
  }
  if (std::find(outputs_.begin(), outputs_.end(), name) != outputs_.end()) {
    lowering.fail(ErrorCode::kName, frame, expression.offset, "'" + name + "' is the name of a result of the model and of a metric or loss",
                  "give the result or the metric another name");
  }
  const TensorType type{DType::kF64, builder.shape(*value)};
  if (type.shape.rank() > 0 && table_.find("train.monitored." + name) != nullptr)
    lowering.fail(ErrorCode::kType, frame, expression.offset, "a schedule monitors the metric '" + name + "', which is no number but " + type.to_string());
  declare(table_, {{name, Role::kOutput, type, {}}, None{}, frame.source, expression.offset});
  emission.write(name, builder.cast(*value, DType::kF64));
}

/// From totals over an epoch to metrics. The model and the metrics' expressions are run once more; of all that, what is made of totals stays.
ir::Function Program::emit_measure() {
  Emission emission(table_, /*training=*/false);
  Lowering lowering(context_, emission);
  Frame frame;
  run_model(lowering, emission, frame);
  Frame settings{.source = frame.source, .names = frame.names};
  settings.names.set("label", UndecidedLabel{});
  const Expression* last = nullptr;
  for (const auto& [name, expression] : train_->metrics) {
    if (std::find(totalled_.begin(), totalled_.end(), name) == totalled_.end()) continue;
    write_totalled(lowering, emission, settings, name, *expression);
    last = expression;
  }
  ir::Function function = emission.finish_with_used_inputs("measure");
  for (const std::string& argument : function.arguments) {
    if (argument.starts_with("total.")) continue;
    lowering.fail(ErrorCode::kType, settings, last->offset, "a metric that is made of sums reads '" + argument + "' beside them",
                  "what comes after the sums is made of them and of numbers that are known while compiling");
  }
  return function;
}

ir::Value Program::measure(Lowering& lowering, Emission& emission, Frame& frame) {
  Frame settings{.source = frame.source, .names = frame.names};
  settings.names.set("label", UndecidedLabel{});
  ir::Value loss;
  write_scalar(lowering, emission, settings, "loss", *train_->loss, &loss);
  for (const auto& [name, expression] : train_->metrics) write_scalar(lowering, emission, settings, name, *expression, nullptr);
  read_label(emission);
  return loss;
}

ir::Function Program::emit_evaluate() {
  Emission emission(table_, /*training=*/false);
  Lowering lowering(context_, emission);
  Frame frame;
  run_model(lowering, emission, frame);
  measure(lowering, emission, frame);
  return emission.finish("evaluate");
}

ir::Function Program::emit_step() {
  Emission emission(table_, /*training=*/true);
  Lowering lowering(context_, emission);
  Frame frame;
  run_model(lowering, emission, frame);
  const ir::Value loss = measure(lowering, emission, frame);
  update_parameters(lowering, emission, loss);
  return emission.finish("step");
}

ir::Function Program::emit_gradient(const std::set<std::string, std::less<>>& without) {
  Emission emission(table_, /*training=*/true);
  Lowering lowering(context_, emission);
  Frame frame;
  const Results results = run_model(lowering, emission, frame);
  ir::Builder& builder = emission.builder();
  // d_RESULT * RESULT, summed: its gradient is what d_RESULT brings back.
  std::optional<ir::Value> scalar;
  builder.set_name("gradient");
  for (size_t i = 0; i < results.size(); ++i) {
    const ir::Value value = *results[i].second.as<ir::Value>();
    const TensorType type = builder.type(value);
    if (!is_float(type.dtype)) continue;
    const std::string name = "d_" + std::string(results[i].first);
    declare(table_, {{name, Role::kInput, type, {}}, None{}, model_.source, model_.results[i].offset});
    ir::Integers axes;
    for (size_t axis = 0; axis < type.shape.rank(); ++axis) axes.push_back(static_cast<int64_t>(axis));
    const ir::Value product = builder.reduce("reduce_sum", builder.call("multiply", {value, emission.read_input(name)}), axes);
    scalar = scalar ? builder.call("add", {*scalar, product}) : product;
  }
  std::vector<std::string> names;
  std::vector<ir::Value> operands;
  if (scalar) operands.push_back(*scalar);
  for (const DeclaredVariable* declared : table_.by_role()) {
    const ir::Variable& variable = declared->variable;
    const bool own = variable.role == Role::kParameter || std::find(inputs_.begin(), inputs_.end(), variable.name) != inputs_.end();
    if (!own || without.contains(variable.name) || !is_float(variable.type.dtype)) continue;
    names.push_back(variable.name);
    operands.push_back(emission.read(variable.name));
  }
  if (!scalar || names.empty()) {
    throw Error(ErrorCode::kType, scalar ? "nothing here has a gradient: no input or parameter is a float" : "the result is no float and has no gradient")
        .at(model_.source->place(model_.offset));
  }
  const std::vector<ir::Value> gradients = builder.apply("grad", operands);
  for (size_t i = 0; i < names.size(); ++i) {
    declare(table_, {{"d_" + names[i], Role::kOutput, builder.type(gradients[i]), {}}, None{}, model_.source, model_.offset});
    emission.write("d_" + names[i], gradients[i]);
  }
  if (table_.find("train.step") != nullptr) count_step(emission);  // what is drawn at random is drawn anew by the next call
  return emission.finish("gradient");
}

/// The step, but for what the optimizer does: gradients by name are outputs instead.
ir::Function Program::emit_loss_gradient() {
  Emission emission(table_, /*training=*/true);
  Lowering lowering(context_, emission);
  Frame frame;
  run_model(lowering, emission, frame);
  const ir::Value loss = measure(lowering, emission, frame);
  const std::vector<const DeclaredVariable*> parameters = parameters_to_train(lowering);
  const std::vector<ir::Value> gradients = gradients_of(lowering, emission, parameters, loss);
  for (size_t i = 0; i < parameters.size(); ++i) {
    const std::string name = "d_" + parameters[i]->variable.name;
    declare(table_, {{name, Role::kOutput, emission.builder().type(gradients[i]), {}}, None{}, model_.source, model_.offset});
    emission.write(name, gradients[i]);
  }
  count_step(emission);
  return emission.finish("gradient");
}

ir::Function Program::emit_init() {
  Emission emission(table_, /*training=*/false);
  Lowering lowering(context_, emission, /*init=*/true);
  declare(table_, {{"seed", Role::kInput, kCounter, {}}, None{}, model_.source, model_.offset});
  const ir::Value seed = emission.read_input("seed");
  for (const DeclaredVariable* declared : table_.by_role()) {
    const ir::Variable& variable = declared->variable;
    if (variable.role != Role::kParameter && variable.role != Role::kState) continue;
    emission.builder().set_name(variable.name);
    const bool is_seed = variable.name == "train.seed";
    emission.write(variable.name,
                   is_seed ? seed : lowering.initial_value(declared->initial, variable.type, {declared->source, declared->offset}));
  }
  return emission.finish("init");
}

}  // namespace sinter::language
