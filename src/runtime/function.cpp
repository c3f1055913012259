#include "runtime/function.h"

#include <utility>

#include "base/text.h"

namespace sinter::runtime {
namespace {

class NativeFunction final : public Function {
 public:
  NativeFunction(std::shared_ptr<const Executable> executable, State& state, Team& team)
      : executable_(std::move(executable)), run_(executable_, state, team) {}

  TensorType type(std::string_view port) const override {
    const Program& program = executable_->program();
    const int32_t index = program.find_port(port);
    if (index < 0) throw Error(ErrorCode::kName, program.function + " has no input or output " + quoted(port));
    return program.ports[static_cast<size_t>(index)].type;
  }
  void bind(std::string_view port, Tensor tensor) override { run_.bind(port, std::move(tensor)); }
  void execute() override { run_.execute(); }
  const Tensor& output(std::string_view port) const override { return run_.output(port); }

 private:
  std::shared_ptr<const Executable> executable_;
  Run run_;
};

}  // namespace

std::unique_ptr<Function> native_function(std::shared_ptr<const Executable> executable, State& state, Team& team) {
  return std::make_unique<NativeFunction>(std::move(executable), state, team);
}

}  // namespace sinter::runtime
