#include "driver/reference_function.h"

#include <cstring>
#include <map>

#include "base/text.h"
#include "driver/compile.h"
#include "ir/evaluate.h"
#include "passes/grad.h"

namespace sinter::driver {
namespace {

class ReferenceFunction final : public runtime::Function {
 public:
  ReferenceFunction(const ir::Module& module, std::string_view function, runtime::State& state)
      : module_(passes::grad(only(module, function))), state_(state) {}

  TensorType type(std::string_view port) const override { return module_.variable(port).type; }

  void bind(std::string_view port, Tensor tensor) override {
    const ir::Variable& variable = module_.variable(port);
    if (tensor.dtype() != variable.type.dtype)
      throw Error(ErrorCode::kType, quoted(port) + " is " + variable.type.to_string() + ", given is " + tensor.type_string());
    bound_[variable.name] = std::move(tensor);
  }

  void execute() override {
    std::map<std::string, Tensor> variables;
    for (const std::string& name : module_.functions[0].arguments) {
      const ir::Variable& variable = module_.variable(name);
      if (variable.role == Role::kConstant) continue;
      if (variable.role != Role::kInput) {
        variables[name] = state_.get(name);
      } else if (const auto given = bound_.find(name); given != bound_.end()) {
        variables[name] = given->second;
      } else {
        throw Error(ErrorCode::kUsage, "input " + quoted(name) + " has no value").hint("bind a tensor of type " + variable.type.to_string());
      }
    }
    for (auto& [name, tensor] : ir::evaluate(module_, module_.functions[0].name, variables)) {
      if (module_.variable(name).role == Role::kOutput) {
        hand_over(name, tensor);
      } else {
        Tensor& held = state_.get(name);
        if (tensor.bytes() > 0) std::memcpy(held.raw(), tensor.raw(), tensor.bytes());
      }
    }
  }

  const Tensor& output(std::string_view port) const override {
    const auto found = outputs_.find(port);
    if (found == outputs_.end()) throw Error(ErrorCode::kName, "no output " + quoted(port) + " has been computed");
    return found->second;
  }

 private:
  /// A bound output is written in place.
  void hand_over(const std::string& name, const Tensor& tensor) {
    const auto given = bound_.find(name);
    if (given == bound_.end()) {
      outputs_[name] = tensor;
      return;
    }
    SINTER_CHECK(given->second.extents() == tensor.extents(), "output " + name + " is bound to a tensor of other extents");
    if (tensor.bytes() > 0) std::memcpy(given->second.raw(), tensor.raw(), tensor.bytes());
    outputs_[name] = given->second;
  }

  ir::Module module_;
  runtime::State& state_;
  std::map<std::string, Tensor, std::less<>> bound_, outputs_;
};

}  // namespace

std::unique_ptr<runtime::Function> reference_function(const ir::Module& module, std::string_view function, runtime::State& state) {
  return std::make_unique<ReferenceFunction>(module, function, state);
}

}  // namespace sinter::driver
