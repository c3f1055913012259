// A function of a model, ready to be called on a state: what the fit loop, evaluation and prediction drive. Native code is one kind, made
// here; the driver makes another of the reference evaluator.
#pragma once

#include <memory>
#include <string_view>

#include "runtime/executable.h"

namespace sinter::runtime {

class Function {
 public:
  virtual ~Function() = default;
  /// Of an input or output. Raises Error kName.
  virtual TensorType type(std::string_view port) const = 0;
  /// Gives the tensor of an input or output for the next calls: the memory is read, or written, at each. Raises Error kName, kType, kCheck.
  virtual void bind(std::string_view port, Tensor tensor) = 0;
  /// Reads and writes the variables of its state. Raises Error kCheck naming the model's node when a check fails.
  virtual void execute() = 0;
  /// After execute(), until the next.
  virtual const Tensor& output(std::string_view port) const = 0;
};

/// `state` and `team` must outlive it.
std::unique_ptr<Function> native_function(std::shared_ptr<const Executable> executable, State& state, Team& team);

}  // namespace sinter::runtime
