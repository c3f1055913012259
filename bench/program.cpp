#include "program.h"

#include "driver/training.h"
#include "tools/made_up.h"

namespace sinter::bench {

Program::Program(const ir::Module& module, const std::string& function, const std::map<std::string, int64_t>& dims, runtime::Team& team) {
  const auto executable = driver::compile(module, function);
  const runtime::Program& program = executable->program();
  driver::declare_variables(module, state_);
  uint32_t seed = 0;
  for (const runtime::State::Entry& entry : state_.entries()) {
    Tensor& value = state_.get(entry.name);
    if (entry.role == Role::kParameter) tools::fill_made_up(value, ++seed);  // state such as moments and counters begins with zeros
  }
  run_ = std::make_unique<runtime::Run>(executable, state_, team);
  SymbolValues symbols;
  for (const std::string& symbol : program.symbols) {
    const auto given = dims.find(symbol);
    symbols[symbol] = given == dims.end() ? 1 : given->second;
    run_->set_dim(symbol, symbols[symbol]);
  }
  for (const runtime::Port& port : program.ports) {
    if (port.role != Role::kInput) continue;
    Tensor tensor(port.type.dtype, port.type.shape.evaluate(symbols));
    tools::fill_made_up(tensor, ++seed);
    run_->bind(port.name, tensor);
  }
  double most = 0;
  for (const runtime::ProgramKernel& kernel : program.kernels) {
    const auto flops = static_cast<double>(kernel.flops.evaluate(symbols));
    flops_ += flops;
    bytes_ += static_cast<double>(kernel.bytes.evaluate(symbols));
    if (flops >= most) most = flops, arithmetic_ = arithmetic_of(kernel.arithmetic);
  }
}

}  // namespace sinter::bench
