// The model language: text to module. Used by the driver (train, run, compile, check), by `sinter fmt` and by tests.
// The language itself: docs/language.md; what a module holds: docs/decisions/001-program-and-state.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "ir/module.h"

namespace sinter::language {

using Argument = std::variant<bool, int64_t, double, std::string, std::vector<std::string>, std::vector<int64_t>>;

/// Where training data come from: a call such as `clusters(samples = 12500, classes = 10, split = 0.8)`, not interpreted.
/// Names and kinds of arguments are checked for the sources known here (data_source.h); a `path` is relative to the current folder.
struct DataSpec {
  std::string source;  // "clusters", "csv", ...
  std::map<std::string, Argument> arguments;
  Place place;
};

enum class Normalise { kNone, kStandard, kMinMax };

/// The train block, with the overrides of Options applied.
struct TrainSpec {
  std::string model;
  std::optional<DataSpec> data;
  int64_t epochs = 1, batch = 32;
  uint32_t seed = 0;
  std::vector<std::string> metrics;  // outputs of `step` and `evaluate` beside `loss`, in the text's order
  std::vector<std::string> totalled;  // of these, those that `measure` makes of sums over an epoch
  std::vector<std::string> sums;      // outputs sum.METRIC.NAME of `step` and `evaluate`; `measure` takes their totals as total.METRIC.NAME
  Normalise normalise = Normalise::kNone;
  std::string feature;  // the input that data feed: the model's first
  std::string label = "label";
  bool label_is_classes = false;
  std::optional<int64_t> classes;           // how many, when the model's first output tells (and the label is classes)
  std::vector<std::string> outputs;         // of `predict`
  std::optional<std::string> batch_symbol;  // the symbol that is the first dim of `feature`
};

struct Options {
  std::string model;                                 // which of the file's; empty: the only one, or the one that is trained
  std::map<std::string, int64_t, std::less<>> dims;  // symbols that are compiled in: --specialize
  std::optional<int64_t> epochs, batch;
  std::optional<uint32_t> seed;
  std::optional<double> learning_rate;
  std::string data;  // another data source: `clusters(samples = 100)`, or a path; keeps the text's arguments where they mean the same
  bool gradient = false;  // the module has the function `gradient` too (docs/decisions/001-program-and-state.md)
};

struct Compiled {
  ir::Module module;
  std::optional<TrainSpec> train;
  std::vector<std::string> inputs, outputs;  // of `predict`
  std::vector<std::string> models;           // all of the file
};

/// Raises Error (kSyntax, kName, kType, kUsage) with file, line, column, the source line and a hint. `file` is its path, for messages and
/// for paths in the text. The module verifies.
Compiled compile_text(std::string_view text, const std::string& file, const Options& options = {});

/// The names of all models of a text, in its order. Raises Error kSyntax and kName as parsing does; what stands in the models is not looked at.
std::vector<std::string> model_names(std::string_view text, const std::string& file);

/// An expression alone, as `sinter bench` takes it: tensors stand in it by their types (`f32[512, 512]` is an input, `x: f32[..]` one to be used again,
/// `const f32[..]` one that never changes), assignments may come before it. The module has `init` and `predict`, with the inputs as they come in the text,
/// and `gradient` when wanted: from inputs and `d_result` to `d_NAME` for each float input and layer's parameter. Constants are parameters that no function
/// writes, not even `init`: their values are the caller's. Of `options` only `dims` mean something. Raises as compile_text.
struct CompiledExpression {
  ir::Module module;
  std::vector<std::string> constants;
};
CompiledExpression compile_expression(std::string_view text, const Options& options, bool gradient);

/// The text in its canonical layout, comments kept. format(format(t)) == format(t). Raises Error kSyntax when it does not parse.
std::string format(std::string_view text, const std::string& file = "text");

}  // namespace sinter::language
