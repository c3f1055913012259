#include "driver/native.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "runtime/team.h"
#include "support/close.h"

namespace sinter::driver {

CompileOptions at_level(TargetLevel level) {
  CompileOptions options;
  options.use_cache = false;
  options.level = level;
  return options;
}

Tensors drawn_arguments(const ir::Module& module, const std::string& function, const SymbolValues& symbols, uint32_t seed) {
  Tensors arguments;
  for (const std::string& name : module.function(function).arguments) {
    const ir::Variable& variable = module.variable(name);
    if (variable.value) {
      arguments[name] = *variable.value;
      continue;
    }
    RandomSequence random(seed, static_cast<uint32_t>(arguments.size()));
    const DType dtype = variable.type.dtype;
    Tensor tensor(dtype, variable.type.shape.evaluate(symbols));
    for (int64_t i = 0; i < tensor.size(); ++i) {
      if (is_float(dtype)) tensor.set(i, random.normal());
      else tensor.set_integer(i, static_cast<int64_t>(random.below(dtype == DType::kBool ? 2 : 256)) - (is_signed_integer(dtype) ? 128 : 0));
    }
    arguments[name] = tensor;
  }
  return arguments;
}

Tensors run_natively(const std::shared_ptr<const runtime::Executable>& executable, const Tensors& arguments, const SymbolValues& symbols, runtime::Team& team,
                     int calls) {
  const runtime::Program& program = executable->program();
  runtime::State state;
  for (const runtime::Port& port : program.ports)
    if (port.role == Role::kParameter || port.role == Role::kState) state.declare(port.name, port.role, port.type);
  for (const auto& [name, tensor] : arguments) {
    if (const int32_t index = program.find_port(name); index >= 0 && program.ports[static_cast<size_t>(index)].role == Role::kInput) continue;
    if (!state.contains(name)) state.declare(name, Role::kParameter, {tensor.dtype(), Shape::of(tensor.extents())});  // what prepared values are computed from
    state.get(name) = tensor.clone();
  }
  runtime::Run run(executable, state, team);
  for (const runtime::Port& port : program.ports)
    if (const auto given = arguments.find(port.name); port.role == Role::kInput && given != arguments.end()) run.bind(port.name, given->second);
  for (const std::string& symbol : program.symbols)
    if (const auto value = symbols.find(symbol); value != symbols.end()) run.set_dim(symbol, value->second);
  for (int call = 0; call < calls; ++call) run.execute();
  Tensors results;
  for (const runtime::Port& port : program.ports)
    if (port.written) results[port.name] = (port.role == Role::kOutput ? run.output(port.name) : state.get(port.name)).clone();
  return results;
}

void expect_natively(const std::shared_ptr<const runtime::Executable>& executable, const Tensors& arguments, const SymbolValues& symbols, const Tensors& expected,
                     const test::Tolerance& tolerance, const std::string& what) {
  const Tensors first = run_natively(executable, arguments, symbols, *runtime::serial_team());
  for (const auto& [name, tensor] : expected) test::expect_close(first.at(name), tensor, tolerance, name + " " + what);
  for (const int participants : {1, 2, 3})
    for (const auto& [name, tensor] : run_natively(executable, arguments, symbols, *runtime::thread_team(participants)))
      EXPECT_TRUE(same_bits(first.at(name), tensor)) << name << " " << what << ", team of " << participants;
}

}  // namespace sinter::driver
