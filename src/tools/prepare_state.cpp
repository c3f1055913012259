#include "driver/training.h"
#include "ir/evaluate.h"
#include "tools/command_line.h"

namespace sinter::tools {
namespace {

/// Initial values from `init` and the seed, by native code or by the evaluator.
void initialize(const Opened& opened, const RunOptions& options, uint32_t seed, runtime::State& state, runtime::Team& team) {
  const Tensor seed_tensor = Tensor::scalar<uint32_t>(seed);
  if (options.reference) {
    for (auto& [name, tensor] : ir::evaluate(opened.module, "init", {{"seed", seed_tensor}})) state.get(name) = tensor.clone();
    return;
  }
  runtime::Run run(driver::compile(opened.module, "init", compile_options(options)), state, team);
  run.bind("seed", seed_tensor);
  run.execute();
}

}  // namespace

void prepare_state(const Opened& opened, const RunOptions& options, uint32_t seed, runtime::State& state, runtime::Team& team) {
  driver::declare_variables(opened.module, state);
  if (!options.weights.empty()) {
    runtime::load_weights(options.weights, state, driver::identity_of(opened.module));
  } else if (opened.module.find_function("init")) {
    initialize(opened, options, seed, state, team);
  }
}

}  // namespace sinter::tools
