// Statements: assignment, declared variables, compile-time branches and repetition; and how errors find their place.
#include <algorithm>

#include "frontend/language/lower.h"
#include "frontend/language/lower_scopes.h"

namespace sinter::language {
namespace {

constexpr int64_t kMaxSteps = 1'000'000;  // statements and turns run for one function
constexpr size_t kMaxNodes = 200'000;
constexpr int64_t kMaxRepeat = 10'000;

std::string joined(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : path + "." + std::string(name);
}

bool is_result(const Declaration& declaration, std::string_view name) {
  return std::any_of(declaration.results.begin(), declaration.results.end(), [&](const Parameter& r) { return r.name == name; });
}

}  // namespace

// ---- places of errors ----

Spot Lowering::blame(const Frame& frame, uint32_t offset) const {
  if (frame.source != nullptr && !frame.source->is_library) return {frame.source, offset};
  for (auto call = calls_.rbegin(); call != calls_.rend(); ++call) {
    if (call->spot.source != nullptr && !call->spot.source->is_library) return call->spot;
  }
  return {frame.source, offset};
}

void Lowering::fail(ErrorCode code, const Frame& frame, uint32_t offset, const std::string& message, const std::string& hint) const {
  const Spot spot = blame(frame, offset);
  std::string where;  // inside the library, the user sees the call and which of its functions complains
  if (spot.source != frame.source && frame.declaration != nullptr) where = "in " + std::string(frame.declaration->name) + ": ";
  throw Error(code, where + message).at(spot.place()).hint(hint);
}

void Lowering::fail_like(const Error& error, const Frame& frame, uint32_t offset) const {
  const Spot spot = blame(frame, offset);
  std::string where;
  if (spot.source != frame.source && frame.declaration != nullptr) where = "in " + std::string(frame.declaration->name) + ": ";
  throw Error(error.code(), where + error.message()).rule(error.rule()).hint(error.hint()).at(spot.place());
}

void Lowering::count_step(const Frame& frame, uint32_t offset) {
  if (++steps_ > kMaxSteps)
    fail(ErrorCode::kUsage, frame, offset, "the model unrolls to more than " + std::to_string(kMaxSteps) + " statements");
  if (emission_.node_count() > kMaxNodes) {
    fail(ErrorCode::kUsage, frame, offset, "the model unrolls to more than " + std::to_string(kMaxNodes) + " operations");
  }
}

// ---- running ----

void Lowering::name_nodes(const Frame& frame, std::string_view target) {
  if (frame.declaration == nullptr || !frame.has_variables) return;  // functions compute in the name of their caller
  const bool whole = !frame.path.empty() && (target.empty() || is_result(*frame.declaration, target));
  emission_.builder().set_name(whole ? frame.path : joined(frame.path, target));
}

std::vector<std::pair<std::string_view, Datum>> Lowering::run(const Declaration& declaration, Frame& frame) {
  if (std::find(running_.begin(), running_.end(), &declaration) != running_.end()) {
    std::string way;
    for (auto at = std::find(running_.begin(), running_.end(), &declaration); at != running_.end(); ++at)
      way += std::string((*at)->name) + " -> ";
    const Spot spot = calls_.empty() ? blame(frame, declaration.offset) : calls_.back().spot;
    throw Error(ErrorCode::kName, "'" + std::string(declaration.name) + "' calls itself: " + way + std::string(declaration.name))
        .at(spot.place())
        .hint("calls are unrolled while compiling; use repeat for a fixed number of turns");
  }
  running_.push_back(&declaration);
  std::vector<std::pair<std::string_view, Datum>> results;
  if (declaration.value != nullptr) {
    name_nodes(frame, {});
    results.emplace_back(declaration.name, evaluate(*declaration.value, frame));
  } else {
    run_block(declaration.body, frame);
  }
  for (const Parameter& result : declaration.results) {
    const Datum* value = frame.names.find(result.name);
    if (value == nullptr) {
      fail(ErrorCode::kName, frame, result.offset,
           "'" + std::string(declaration.name) + "' does not assign its result '" + std::string(result.name) + "'");
    }
    Datum given = *value;
    if (result.type) given = match(*result.type, given, frame, frame, result.offset, "result '" + std::string(result.name) + "'");
    results.emplace_back(result.name, std::move(given));
  }
  running_.pop_back();
  return results;
}

void Lowering::run_block(const Block& block, Frame& frame) {
  const Nested nested(*this, frame, block.empty() ? 0 : block.front().offset);
  for (const Statement& statement : block) run_statement(statement, frame);
}

void Lowering::run_statement(const Statement& s, Frame& frame) {
  count_step(frame, s.offset);
  switch (s.kind) {
    case Statement::Kind::kAssign: run_assign(s, frame); break;
    case Statement::Kind::kParameter:
    case Statement::Kind::kState: declare_variable(s, frame); break;
    case Statement::Kind::kSum: declare_sum(s, frame); break;
    case Statement::Kind::kIf: run_if(s, frame); break;
    case Statement::Kind::kScan: run_scan(s, frame); break;
    case Statement::Kind::kWhile: run_while(s, frame); break;
    case Statement::Kind::kRepeat: run_repeat(s, frame); break;
    case Statement::Kind::kRequire:
      if (!condition(*s.value, frame, "what is required")) {
        const Datum message = evaluate(*s.message, frame);
        const std::string* text = message.as<std::string>();
        fail(ErrorCode::kType, frame, s.offset, text != nullptr ? *text : "a requirement does not hold");
      }
      break;
  }
}

bool Lowering::condition(const Expression& expression, Frame& frame, const char* what) {
  return condition(evaluate(expression, frame), expression, frame, what);
}

bool Lowering::condition(const Datum& value, const Expression& expression, const Frame& frame, const char* what) const {
  if (const bool* known = value.as<bool>()) return *known;
  fail(ErrorCode::kType, frame, expression.offset, std::string(what) + " is " + describe(value) + ", not true or false",
       value.is<ir::Value>() ? "tensors are not known while compiling; choose per element with select(condition, a, b)" : "");
}

void Lowering::run_assign(const Statement& s, Frame& frame) {
  frame.target = s.targets.front().name;
  name_nodes(frame, frame.target);
  Datum value = evaluate(*s.value, frame);
  frame.target = {};
  if (s.type) value = match(*s.type, value, frame, frame, s.value->offset, "'" + std::string(s.targets.front().name) + "'");
  if (s.targets.size() == 1) return assign(s.targets.front(), std::move(value), frame);
  const List* list = value.as<List>();
  if (list == nullptr || (*list)->size() != s.targets.size()) {
    fail(ErrorCode::kType, frame, s.offset,
         std::to_string(s.targets.size()) + " names on the left of '=', " + describe(value) + " on the right");
  }
  for (size_t i = 0; i < s.targets.size(); ++i) assign(s.targets[i], (**list)[i], frame);
}

void Lowering::assign(const Target& target, Datum value, Frame& frame) {
  const auto state = std::find_if(frame.states.begin(), frame.states.end(), [&](const auto& s) { return s.first == target.name; });
  if (state != frame.states.end()) {
    const TensorType& wanted = emission_.table().find(state->second)->variable.type;
    const ir::Value written = tensor(value, wanted.dtype, frame, target.offset);
    const TensorType& actual = emission_.builder().type(written);
    if (actual != wanted) {
      fail(ErrorCode::kType, frame, target.offset,
           "the state '" + std::string(target.name) + "' has type " + wanted.to_string() + ", its new value " + actual.to_string());
    }
    emission_.write(state->second, written);
    value = written;
  }
  frame.names.set(target.name, std::move(value));
}

void Lowering::run_repeat(const Statement& s, Frame& frame) {
  const Datum count = evaluate(*s.value, frame);
  const auto turns = count.known_integer();
  if (!turns || *turns < 0)
    fail(ErrorCode::kType, frame, s.value->offset, "the count of a repeat is a whole number from 0, not " + describe(count));
  if (*turns > kMaxRepeat) fail(ErrorCode::kUsage, frame, s.value->offset, "a repeat has at most " + std::to_string(kMaxRepeat) + " turns");
  const std::string path = frame.path;
  for (int64_t turn = 0; turn < *turns; ++turn) {
    count_step(frame, s.offset);
    frame.path = joined(path, s.targets.front().name) + "." + std::to_string(turn);
    if (s.index) frame.names.set(s.index->name, Dim(turn));
    run_block(s.body, frame);
  }
  frame.path = path;
}

// ---- sums of metrics ----

void Lowering::begin_metric(std::string name, bool of_totals) {
  metric_ = std::move(name);
  of_totals_ = of_totals;
  sums_.clear();
}

void Lowering::declare_sum(const Statement& s, Frame& frame) {
  const Target& target = s.targets.front();
  if (frame.declaration == nullptr || frame.declaration->kind != Declaration::Kind::kMetric)
    fail(ErrorCode::kType, frame, s.offset, "sums are for metrics");
  if (metric_.empty()) {
    fail(ErrorCode::kType, frame, s.offset, "the metric '" + std::string(frame.declaration->name) + "' is made of sums over an epoch: it stands among the metrics of a train block alone",
         "write metrics = [" + std::string(frame.declaration->name) + "(...)]");
  }
  ir::Builder& builder = emission_.builder();
  ir::Value value = tensor(evaluate(*s.value, frame), DType::kF64, frame, s.value->offset);
  value = builder.cast(value, DType::kF64);
  const TensorType type = builder.type(value);
  if (!type.shape.is_constant()) {
    fail(ErrorCode::kType, frame, s.value->offset, "what is added up over an epoch has a constant shape, not " + type.to_string(),
         "symbols such as batch differ from call to call: take the sum over them");
  }
  std::string name = metric_ + "." + std::string(target.name);
  const auto count = std::count_if(sums_.begin(), sums_.end(),
                                   [&](const std::string& sum) { return sum == "sum." + name || sum.starts_with("sum." + name + "."); });
  if (count > 0) name += "." + std::to_string(count);  // of a metric that stands twice in one expression
  sums_.push_back("sum." + name);
  try {
    if (of_totals_) {
      emission_.table().declare({{"total." + name, Role::kInput, type, {}}, None{}, frame.source, s.offset});
      value = emission_.read("total." + name);
    } else {
      emission_.table().declare({{"sum." + name, Role::kOutput, type, {}}, None{}, frame.source, s.offset});
      emission_.write("sum." + name, value);
    }
  } catch (const Error& error) {
    fail_like(error, frame, s.offset);
  }
  frame.names.set(target.name, value);
}

// ---- variables ----

void Lowering::claim(Frame& frame, uint32_t offset) {
  if (frame.claimed) return;
  frame.claimed = true;
  if (frame.layer != nullptr && frame.layer != &frame) claim(*frame.layer, offset);
  if (frame.layer_path.empty()) return;
  const auto [owner, fresh] = owners_.emplace(frame.layer_path, frame.scope);
  if (fresh || owner->second == frame.scope) return;
  const std::string last = frame.layer_path.substr(frame.layer_path.rfind('.') + 1);  // npos + 1 == 0
  throw Error(ErrorCode::kName, "two layer calls are named '" + frame.layer_path + "'")
      .at(blame(frame, offset).place())
      .hint("name one of them: " + std::string(frame.declaration == nullptr ? "layer" : frame.declaration->name) + "(..., name = \"" +
            last + "_2\")");
}

void Lowering::declare_variable(const Statement& s, Frame& frame) {
  const Target& target = s.targets.front();
  const bool is_parameter = s.kind == Statement::Kind::kParameter;
  const std::string what = is_parameter ? "parameter" : "state";
  if (!frame.has_variables || (is_parameter && frame.layer == nullptr)) {
    fail(ErrorCode::kType, frame, s.offset,
         "a " + what + " cannot be declared in a " +
             std::string(frame.declaration == nullptr ? "train block" : language::name(frame.declaration->kind)),
         "layers and models own parameters and state");
  }
  claim(frame, s.offset);
  const std::string variable = joined(frame.path, target.name);
  const std::string_view first = std::string_view(variable).substr(0, variable.find('.'));
  if (frame.layer != nullptr && (first == "train" || first == "optimizer" || first == "data")) {
    throw Error(ErrorCode::kName, "the path '" + variable + "' begins with '" + std::string(first) + "', which belongs to the compiler")
        .at(blame(frame, s.offset).place())
        .hint("choose another name");
  }
  if (!declared_.insert(variable).second) fail(ErrorCode::kName, frame, s.offset, "'" + variable + "' is declared twice");

  TensorType type;
  if (s.type) type = type_of(*s.type, frame);
  else if (frame.state_type) type = *frame.state_type;
  else
    fail(ErrorCode::kType, frame, s.offset, "the type of this " + what + " is missing",
         "write " + what + " " + std::string(target.name) + ": f32[...] = ...");
  if (!type.shape.is_constant()) {
    fail(ErrorCode::kType, frame, s.type->offset, "a " + what + " has a constant shape, not " + type.to_string(),
         "symbols such as batch differ from call to call");
  }
  if (is_parameter && !is_float(type.dtype))
    fail(ErrorCode::kType, frame, s.type->offset, "a parameter is of a float dtype, not " + type.to_string(), "use state for other values");
  const Datum initial = evaluate(*s.value, frame);
  const TemplatePtr* initialiser = initial.as<TemplatePtr>();
  const bool fits = initial.known_number() || initial.is<bool>() ||
                    (initialiser != nullptr && (*initialiser)->declaration->kind == Declaration::Kind::kInitialiser);
  if (!fits) {
    fail(ErrorCode::kType, frame, s.value->offset, "the initial value is " + describe(initial) + ", not a number or an initialiser",
         initial.is<Callable>() ? "call it: " + std::string(s.value->text) + "()" : "");
  }
  const Spot spot = blame(frame, s.offset);
  try {
    type.shape.element_count();  // raises when it leaves 64 bits
    emission_.table().declare({{variable, is_parameter ? Role::kParameter : Role::kState, type, {}}, initial, spot.source, spot.offset});
  } catch (const Error& error) {
    fail_like(error, frame, s.offset);
  }
  frame.names.set(target.name, emission_.read(variable));
  if (!is_parameter) frame.states.emplace_back(target.name, variable);
}

}  // namespace sinter::language
