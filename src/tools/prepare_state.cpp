// What the verbs that run a model share: its functions, its state, Ctrl-C.
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "driver/reference_function.h"
#include "driver/training.h"
#include "runtime/fit.h"
#include "tools/command_line.h"

namespace sinter::tools {
namespace {

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free, "set from a signal handler");

void on_interrupt(int) {
  interrupted = true;
  std::signal(SIGINT, SIG_DFL);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  interrupted = false;
  std::signal(SIGINT, on_interrupt);
}
InterruptGuard::~InterruptGuard() { std::signal(SIGINT, SIG_DFL); }
const std::atomic<bool>& InterruptGuard::flag() { return interrupted; }

std::unique_ptr<runtime::Function> make_function(const Opened& opened, std::string_view function, const RunOptions& options, runtime::State& state,
                                                 runtime::Team& team) {
  if (options.reference) return driver::reference_function(opened.module, function, state);
  return runtime::native_function(driver::compile(opened.module, function, compile_options(options)), state, team);
}

std::vector<std::unique_ptr<runtime::Function>> make_functions(const Opened& opened, const std::vector<std::string>& functions, const RunOptions& options,
                                                               runtime::State& state, runtime::Team& team) {
  std::vector<std::unique_ptr<runtime::Function>> made;
  if (options.reference) {
    for (const std::string& function : functions) made.push_back(driver::reference_function(opened.module, function, state));
    return made;
  }
  for (auto& executable : driver::compile_all(opened.module, functions, compile_options(options)))
    made.push_back(runtime::native_function(std::move(executable), state, team));
  return made;
}

const language::TrainSpec& train_block(const Opened& opened, const std::string& verb) {
  if (!opened.train) throw Error(ErrorCode::kUsage, opened.path + " has no train block, which " + verb + " needs").hint("it names data, loss and metrics: see docs/language.md");
  if (opened.train->batch < 1)
    throw Error(ErrorCode::kUsage, verb + " cannot take data in batches of " + std::to_string(opened.train->batch))
        .hint("the first dim of the input " + quoted(opened.train->feature) + " is the batch");
  return *opened.train;
}

runtime::FeedPorts feed_ports(const language::TrainSpec& train) {
  return {train.feature, train.label, train.metrics, train.label_is_classes, train.classes, train.sums, train.totalled};
}

std::unique_ptr<runtime::Function> measure_function(const Opened& opened, runtime::State& state) {
  return opened.module.find_function("measure") == nullptr ? nullptr : driver::reference_function(opened.module, "measure", state);
}

nlohmann::ordered_json json_of(const Tensor& tensor) {
  auto list = nlohmann::ordered_json::array();
  if (tensor.rank() == 0) return tensor.get(0);
  Extents inner(tensor.extents().begin() + 1, tensor.extents().end());
  Tensor row(tensor.dtype(), inner);
  for (int64_t i = 0; i < tensor.extents()[0]; ++i) {
    for (int64_t k = 0; k < row.size(); ++k) row.set(k, tensor.get(i * row.size() + k));
    list.push_back(json_of(row));
  }
  return list;
}

void prepare_state(const Opened& opened, const RunOptions& options, uint32_t seed, runtime::State& state, runtime::Team& team) {
  driver::declare_variables(opened.module, state);
  if (!options.weights.empty()) {
    runtime::load_weights(options.weights, state, opened.identity);
  } else if (!opened.values.empty()) {
    for (const auto& [name, value] : opened.values)
      if (value.bytes() > 0) std::memcpy(state.get(name).raw(), value.raw(), value.bytes());
  } else if (opened.module.find_function("init")) {
    runtime::initialise(*make_function(opened, "init", options, state, team), seed);
  }
}

}  // namespace sinter::tools
