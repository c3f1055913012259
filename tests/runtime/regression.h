// A linear regression as hand-built programs, for the tests of the fit loop: init, step, evaluate and predict in C++ under the run-time
// ABI.
//
// x f32[batch, 3], label f32[batch]; y = ((x - data.mean) * data.scale) . w + b; loss = mean((y - label)^2), error = mean(|y - label|).
// `step` is gradient descent with momentum 0.9 and the rate of state `model.rate`; it counts in train.step.
#pragma once

#include <memory>

#include "runtime/data/dataset.h"
#include "runtime/executable.h"
#include "runtime/function.h"

namespace sinter::runtime::test {

struct Regression {
  std::shared_ptr<const Executable> init, step, evaluate, predict;
};

/// With `batch`, compiled for batches of that size only.
Regression regression(const Dim& batch = Dim::symbol("batch"));

/// A state with the variables of the regression; the rate is 0.002 after `init`.
State regression_state();

/// Samples of label = 2 x0 - x1 + 0.5 x2 + 3 and some noise.
Dataset regression_data(int64_t samples, uint32_t seed);

/// Passes on to another function and calls `before(n)` before execution n, which counts from 0.
template <class Before>
class Watched final : public Function {
 public:
  Watched(Function& inner, Before before) : inner_(inner), before_(std::move(before)) {}
  TensorType type(std::string_view port) const override { return inner_.type(port); }
  void bind(std::string_view port, Tensor tensor) override { inner_.bind(port, std::move(tensor)); }
  void execute() override {
    before_(calls_++);
    inner_.execute();
  }
  const Tensor& output(std::string_view port) const override { return inner_.output(port); }

 private:
  Function& inner_;
  Before before_;
  int64_t calls_ = 0;
};

}  // namespace sinter::runtime::test
