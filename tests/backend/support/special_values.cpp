#include "backend/support/special_values.h"

#include <limits>
#include <type_traits>

#include "base/random.h"
#include "support/samples.h"

namespace sinter::test {
namespace {

constexpr int64_t kMostElements = 50000;

template <class T> std::vector<T> special_values() {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_same_v<T, bool>) {
    return {false, true};
  } else if constexpr (std::is_floating_point_v<T>) {
    std::vector<T> values{T{0},
                          T{1},
                          T{0.5},
                          T{1.5},
                          T{2.5},
                          T(0.1),
                          T{3},
                          Limits::infinity(),
                          Limits::max(),
                          Limits::min(),
                          Limits::denorm_min(),
                          Limits::min() / 2,
                          T(8388607.5),
                          T(2147483648.0),
                          T(9223372036854775808.0),
                          T(4294967296.0),
                          Limits::epsilon(),
                          T(127.99),
                          T(255.5),
                          T(65535.5)};
    for (size_t i = 0, count = values.size(); i < count; ++i) values.push_back(-values[i]);
    values.push_back(Limits::quiet_NaN());
    return values;
  } else {
    std::vector<T> values{Limits::min(),
                          Limits::max(),
                          static_cast<T>(Limits::max() - 1),
                          static_cast<T>(Limits::min() + 1),
                          T{0},
                          T{1},
                          T{2},
                          T{3},
                          T{7},
                          static_cast<T>(-1),
                          static_cast<T>(-2),
                          static_cast<T>(-7),
                          static_cast<T>(sizeof(T) * 8),
                          static_cast<T>(sizeof(T) * 8 - 1)};
    return values;
  }
}

}  // namespace

std::map<std::string, Tensor> make_special_inputs(const ir::OpDef& op, const ir::Sample& sample, const SymbolValues& symbols,
                                                  uint32_t seed) {
  std::map<std::string, Tensor> inputs = make_inputs(op, sample, symbols, seed);
  for (size_t i = 0; i < sample.operands.size(); ++i) {
    if (sample.operands[i].fill == ir::Fill::kIndex) continue;
    Tensor& tensor = inputs.at(operand_name(op, i));
    RandomSequence random(seed + static_cast<uint32_t>(i), 78);
    if (is_narrow(tensor.dtype())) {
      const std::vector<float> values = special_values<float>();
      for (int64_t at = 0; at < tensor.size(); ++at) tensor.set(at, values[random.below(static_cast<uint32_t>(values.size()))]);
      continue;
    }
    visit_dtype(tensor.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const std::vector<T> values = special_values<T>();
      for (T& element : tensor.span<T>()) element = values[random.below(static_cast<uint32_t>(values.size()))];
    });
  }
  return inputs;
}

std::vector<SymbolValues> large_symbol_choices(const ir::OpDef& op, const ir::Sample& sample) {
  std::vector<SymbolValues> choices;
  const SymbolValues small = small_symbols(sample);
  const ir::Module module = module_of(op, sample);
  const auto fits = [&](const SymbolValues& symbols) {
    int64_t product = 1;  // of all operands: more than any work on them
    for (const ir::Variable& variable : module.variables) {
      const int64_t elements = element_count(variable.type.shape.evaluate(symbols));
      if (elements > kMostElements) return false;
      if (variable.role == Role::kInput) product *= std::max<int64_t>(1, elements);
    }
    return product <= kMostElements * 1000;
  };
  for (const auto& [symbol, value] : small) {
    for (const int64_t size : {4500, 1100, 600, 200, 70}) {
      SymbolValues choice = small;
      choice[symbol] = size;
      if (!fits(choice)) continue;
      choices.push_back(choice);
      break;
    }
  }
  return choices;
}

}  // namespace sinter::test
