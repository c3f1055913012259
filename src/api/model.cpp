// Models: from texts to modules.
#include <cstring>
#include <filesystem>
#include <sstream>

#include "api/guard.h"
#include "api/handles.h"
#include "base/text.h"
#include "driver/training.h"
#include "frontend/language/language.h"
#include "frontend/onnx/onnx.h"
#include "io/mapping.h"
#include "ir/text.h"

namespace sinter::api {
namespace {

/// "batch=32 seq=128"
void read_dims(const std::string& text, language::Options& options) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const size_t equals = word.find('=');
    size_t end = 0;
    int64_t value = -1;
    try {
      if (equals != std::string::npos) value = std::stoll(word.substr(equals + 1), &end);
    } catch (const std::exception&) {
    }
    if (equals == 0 || value < 0 || equals + 1 + end != word.size())
      throw Error(ErrorCode::kUsage, "specialize: " + quoted(word) + " is no SYMBOL=VALUE");
    options.dims[word.substr(0, equals)] = value;
  }
}

language::Options language_options(const sinter_model_options* given) {
  language::Options options;
  if (given == nullptr) return options;
  if (given->size != sizeof(sinter_model_options))
    throw Error(ErrorCode::kUsage, "sinter_model_options: size is " + std::to_string(given->size) + ", this library's is " + std::to_string(sizeof(sinter_model_options)))
        .hint("set size to sizeof(sinter_model_options), and compile with this library's header");
  if (given->model != nullptr) options.model = given->model;
  if (given->specialize != nullptr) read_dims(given->specialize, options);
  if (given->learning_rate > 0) options.learning_rate = given->learning_rate;
  options.gradient = given->gradient != 0;
  return options;
}

sinter_model* read_onnx(const std::string& path, const sinter_model_options* given) {
  const language::Options options = language_options(given);
  if (options.gradient || options.learning_rate || !options.model.empty())
    throw Error(ErrorCode::kUsage, "of the options an ONNX model takes specialize alone, and " + path + " is one");
  onnx::Imported imported = onnx::import_file(path, {options.dims});
  auto model = std::make_shared<Model>();
  model->module = std::move(imported.module);
  model->identity = driver::identity_of(model->module);
  model->values = std::move(imported.parameters);
  return new sinter_model{std::move(model)};
}

sinter_model* make(const std::string& text, const std::string& name, const sinter_model_options* given) {
  const language::Options options = language_options(given);
  auto model = std::make_shared<Model>();
  if (std::filesystem::path(name).extension() == ".sir") {
    if (given != nullptr && (!options.dims.empty() || options.gradient || options.learning_rate || !options.model.empty()))
      throw Error(ErrorCode::kUsage, "options are for model texts, " + name + " is a graph text");
    model->module = ir::parse_module(text, name);
    model->identity = driver::identity_of(model->module);
  } else {
    model->module = language::compile_text(text, name, options).module;
    model->identity = options.dims.empty() ? driver::identity_of(model->module) : driver::identity_of_text(text, name, options);
  }
  return new sinter_model{std::move(model)};
}

}  // namespace
}  // namespace sinter::api

using namespace sinter::api;

extern "C" {

int32_t sinter_model_open(const char* path, const sinter_model_options* options, sinter_model** model) {
  return guarded([&] {
    require(path, "path");
    require(model, "model");
    *model = sinter::onnx::is_model_path(path) ? read_onnx(path, options) : make(sinter::io::read_text(path), path, options);
  });
}

int32_t sinter_model_parse(const char* text, const char* name, const sinter_model_options* options, sinter_model** model) {
  return guarded([&] {
    require(text, "text");
    require(model, "model");
    *model = make(text, name != nullptr ? name : "text", options);
  });
}

void sinter_model_close(sinter_model* model) { delete model; }
}
