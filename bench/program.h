// An expression or a function of a model, compiled and bound to made-up values, ready to be run again and again. Used by the suite's families.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/arithmetic.h"
#include "driver/compile.h"
#include "runtime/executable.h"

namespace sinter::bench {

class Program {
 public:
  /// `module` is what an expression or a model text became; symbols without a value in `dims` are 1.
  Program(const ir::Module& module, const std::string& function, const std::map<std::string, int64_t>& dims, runtime::Team& team);
  void run() { run_->execute(); }
  double flops() const { return flops_; }
  double bytes() const { return bytes_; }
  Arithmetic arithmetic() const { return arithmetic_; }

 private:
  runtime::State state_;
  std::unique_ptr<runtime::Run> run_;
  double flops_ = 0, bytes_ = 0;
  Arithmetic arithmetic_ = Arithmetic::kF32;
};

}  // namespace sinter::bench
