// Dims made ready to be computed many times: symbols are numbers, the sum is a list of steps. Included by evaluate*.cpp only.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/dim.h"

namespace sinter::loop {

class IndexCode {
 public:
  IndexCode(const Dim& dim, const std::function<int32_t(const std::string&)>& slot_of_symbol);

  /// Raises Fault when the value leaves 64 bits or something is divided by zero. `value_of(slot)` gives symbols.
  template <class Lookup> int64_t evaluate(const Lookup& value_of) const {
    stack_.clear();
    for (const Step& step : steps_) {
      if (step.kind == Step::Kind::kConstant) {
        stack_.push_back(step.value);
      } else if (step.kind == Step::Kind::kSymbol) {
        stack_.push_back(value_of(static_cast<int32_t>(step.value)));
      } else {
        combine(step.kind);
      }
    }
    return stack_.back();
  }

 private:
  struct Step {
    enum class Kind : uint8_t { kConstant, kSymbol, kAdd, kMultiply, kFloorDiv, kMod, kMin, kMax };
    Kind kind;
    int64_t value = 0;  // the constant, or the slot
  };

  void append(const Dim& dim, const std::function<int32_t(const std::string&)>& slot_of_symbol);
  void combine(Step::Kind kind) const;

  std::vector<Step> steps_;
  mutable std::vector<int64_t> stack_;
};

}  // namespace sinter::loop
