#include "driver/training.h"

#include "base/hash.h"
#include "base/text.h"
#include "driver/compile.h"
#include "ir/structural_hash.h"

namespace sinter::driver {
namespace {

/// The type of one sample of an input: its type without the first axis, which counts samples.
runtime::SampleType sample_of(const ir::Variable& variable) {
  const Shape& shape = variable.type.shape;
  if (shape.rank() == 0) throw Error(ErrorCode::kType, "input " + variable.name + " is " + variable.type.to_string() + ": its first axis must count samples");
  runtime::SampleType sample{variable.type.dtype, {}};
  for (size_t axis = 1; axis < shape.rank(); ++axis) {
    const auto size = shape[axis].as_constant();
    if (!size)
      throw Error(ErrorCode::kType, "input " + variable.name + " is " + variable.type.to_string() + ": data need constant sizes after the first axis")
          .hint("compile the size in: --specialize " + shape[axis].to_string() + "=VALUE");
    sample.extents.push_back(*size);
  }
  return sample;
}

template <class T, class Spell>
std::string list(const std::vector<T>& items, const Spell& spell) {
  std::string text;
  for (const T& item : items) text += (text.empty() ? "" : ", ") + spell(item);
  return "[" + text + "]";
}

/// The source as a text writes it, without what says nothing about its samples.
std::string source_text(const runtime::DataRequest& request) {
  std::string text;
  for (const auto& [name, value] : request.arguments) {
    if (name == "shuffle" || name == "normalise") continue;
    text += (text.empty() ? "" : ", ") + name + " = ";
    if (const auto* word = std::get_if<std::string>(&value)) text += quoted(*word);
    else if (const auto* number = std::get_if<double>(&value)) text += to_text(*number);
    else if (const auto* integer = std::get_if<int64_t>(&value)) text += std::to_string(*integer);
    else if (const auto* flag = std::get_if<bool>(&value)) text += *flag ? "true" : "false";
    else if (const auto* words = std::get_if<std::vector<std::string>>(&value)) text += list(*words, [](const std::string& word) { return quoted(word); });
    else text += list(std::get<std::vector<int64_t>>(value), [](int64_t number) { return std::to_string(number); });
  }
  return request.source + "(" + text + ")";
}

}  // namespace

void declare_variables(const ir::Module& module, runtime::State& state) {
  for (const ir::Variable& variable : module.variables)
    if (variable.role == Role::kParameter || variable.role == Role::kState) state.declare(variable.name, variable.role, variable.type);
}

runtime::ModelIdentity identity_of(const ir::Module& module) {
  runtime::ModelIdentity identity;
  const auto hash = [&](std::string_view function) { return ir::structural_hash(only(module, function)).to_string(); };
  identity.model = module.find_function("predict") ? hash("predict") : ir::structural_hash(module).to_string();
  if (module.find_function("step")) identity.training = hash("step");
  return identity;
}

runtime::ModelIdentity identity_of_text(const std::string& text, const std::string& path, language::Options options) {
  std::optional<ir::Module> module;
  for (const auto& [symbol, value] : language::Options(options).dims) {
    language::Options open = options;
    open.dims.erase(symbol);
    try {
      module = language::compile_text(text, path, open).module;
      options = std::move(open);
    } catch (const Error&) {
    }
  }
  return identity_of(module ? *module : language::compile_text(text, path, options).module);
}

runtime::DataRequest data_request(const ir::Module& module, const language::TrainSpec& train) {
  if (!train.data) throw Error(ErrorCode::kUsage, "the train block names no data").hint("write data = ..., or give --data PATH");
  runtime::DataRequest request;
  request.source = train.data->source;
  for (const auto& [name, value] : train.data->arguments) std::visit([&](const auto& v) { request.arguments[name] = v; }, value);
  request.place = train.data->place;
  request.feature = sample_of(module.variable(train.feature));
  if (const ir::Variable* label = module.find_variable(train.label)) request.label = sample_of(*label);
  request.label_is_classes = train.label_is_classes;
  request.classes = train.classes;
  return request;
}

std::map<std::string, std::string> data_identity(const runtime::DataRequest& request, const runtime::DataSplit& data, const language::TrainSpec& train) {
  Hasher hasher;
  for (const runtime::Dataset* part : {&data.training, &data.validation}) {
    if (part->reader) {
      part->reader->identify(hasher);
      hasher.bytes(part->rows.data(), part->rows.size() * sizeof(int64_t));
      continue;
    }
    for (const Tensor* tensor : {&part->features, &part->labels}) hasher.text(tensor->type_string()).bytes(tensor->raw(), tensor->bytes());
  }
  std::map<std::string, std::string> identity{{std::string(runtime::kDataContent), hasher.finish().to_string()},
                                              {std::string(runtime::kDataSource), source_text(request)},
                                              {"batch", std::to_string(train.batch)},
                                              {"shuffle", runtime::wants_shuffle(request) ? "true" : "false"}};
  const auto normalise = request.arguments.find("normalise");
  identity["normalise"] = normalise == request.arguments.end() ? "none" : std::get<std::string>(normalise->second);
  return identity;
}

runtime::Normalise normalise_of(const language::TrainSpec& train) {
  switch (train.normalise) {
    case language::Normalise::kStandard: return runtime::Normalise::kStandard;
    case language::Normalise::kMinMax: return runtime::Normalise::kMinMax;
    case language::Normalise::kNone: break;
  }
  return runtime::Normalise::kNone;
}

}  // namespace sinter::driver
