// Schedules: numbers of a training step that follow from where the training stands. That is kept in states `train.*`, which the fit loop
// fills in (docs/decisions/001-program-and-state.md).
#include <algorithm>

#include "frontend/language/lower.h"
#include "frontend/language/lower_scopes.h"
#include "frontend/language/suggest.h"

namespace sinter::language {
namespace {

const TensorType kNumber{DType::kF64, {}};

}  // namespace

std::optional<Datum> Lowering::place_in_training(std::string_view name, const Frame& frame) {
  if (frame.declaration == nullptr || frame.declaration->kind != Declaration::Kind::kSchedule) return std::nullopt;
  const auto count = [&](const char* variable) { return emission_.builder().cast(read_run_state(variable), DType::kF64); };
  if (name == "step") return frame.step ? *frame.step : count("train.step");
  if (name == "epoch") return count("train.epoch");
  if (name == "epochs") return count("train.epochs");
  if (name == "epoch_steps") return count("train.epoch_steps");
  if (name != "total_steps") return std::nullopt;
  if (frame.total_steps) return *frame.total_steps;
  return emission_.builder().call("multiply", {count("train.epochs"), count("train.epoch_steps")});
}

ir::Value Lowering::run_schedule(const Template& schedule, Frame& frame, Spot spot) {
  const Declaration& d = *schedule.declaration;
  const CallScope scope(*this, spot, d.name);
  const Nested nested(*this, frame, d.offset);
  frame.source = d.source;
  frame.declaration = &d;
  frame.names = schedule.bound;
  frame.layer_path = frame.path;
  frame.has_variables = frame.claimed = true;
  frame.state_type = kNumber;
  const ir::Value value = tensor(run(d, frame).front().second, DType::kF64, frame, d.offset);
  const TensorType& type = emission_.builder().type(value);
  if (type.shape.rank() != 0 || !is_float(type.dtype))
    fail(ErrorCode::kType, frame, d.offset, "the schedule '" + std::string(d.name) + "' gives a tensor " + type.to_string() + ", not one float");
  return emission_.builder().cast(value, DType::kF64);
}

ir::Value Lowering::rate(const TemplatePtr& schedule, const std::string& path, Spot spot) {
  if (const auto known = rates_.find(schedule.get()); known != rates_.end()) return known->second;
  Frame frame;
  frame.path = path;
  emission_.builder().set_name(path);
  const ir::Value value = run_schedule(*schedule, frame, spot);
  rates_.emplace(schedule.get(), value);
  return value;
}

Datum Lowering::rate_at(const Arguments::Item& schedule, const std::optional<Arguments::Item>& step,
                        const std::optional<Arguments::Item>& total_steps, const Frame& frame) {
  if (schedule.value.known_number()) return schedule.value;
  const TemplatePtr* made = schedule.value.as<TemplatePtr>();
  if (made == nullptr || (*made)->declaration->kind != Declaration::Kind::kSchedule)
    fail(ErrorCode::kType, frame, schedule.offset, "rate_at wants a schedule or a number, not " + describe(schedule.value));
  if (frame.declaration == nullptr || frame.declaration->kind != Declaration::Kind::kSchedule)
    fail(ErrorCode::kType, frame, schedule.offset, "rate_at is for schedules alone");
  const auto place = [&](const std::optional<Arguments::Item>& given, const std::optional<ir::Value>& otherwise) -> std::optional<ir::Value> {
    if (!given) return otherwise;
    const ir::Value value = tensor(given->value, DType::kF64, frame, given->offset);
    if (emission_.builder().type(value) != kNumber) fail(ErrorCode::kType, frame, given->offset, "a place in the training is an f64 scalar, not " + describe(value));
    return value;
  };
  const std::string path = frame.path + "." + std::string((*made)->declaration->name);
  const Spot spot{frame.source, schedule.offset};
  Frame inner{.step = place(step, frame.step), .total_steps = place(total_steps, frame.total_steps)};
  if (!inner.step && !inner.total_steps) return rate(*made, path, spot);
  inner.path = path;
  return run_schedule(**made, inner, spot);
}

Datum Lowering::monitored(const Arguments::Item& name, const Frame& frame, uint32_t offset) {
  const auto* text = name.value.as<std::string>();
  if (text == nullptr) fail(ErrorCode::kType, frame, name.offset, "monitored wants the name of the loss or of a metric, not " + describe(name.value));
  if (frame.declaration == nullptr || frame.declaration->kind != Declaration::Kind::kSchedule)
    fail(ErrorCode::kType, frame, offset, "only schedules can see what an epoch measured");
  const auto& measured = context_.measured;
  if (std::find(measured.begin(), measured.end(), *text) == measured.end())
    fail(ErrorCode::kName, frame, name.offset, "nothing measured is named '" + *text + "'",
         did_you_mean(*text, measured, "the loss and the metrics of the train block are"));
  const std::string variable = "train.monitored." + *text;
  emission_.table().declare({{variable, Role::kState, kNumber, {}}, Dim(0), frame.source, offset});
  return emission_.read(variable);
}

}  // namespace sinter::language
