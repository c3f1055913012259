// The table of operators: for each, from which version of its operator set on, the function that imports it. A family is a file in
// operators/, which adds its rows; nothing else names operators.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/onnx/call.h"

namespace sinter::onnx {

struct Operator {
  std::string name;
  int64_t since;  // the import holds from this version up to the next row of the same name
  std::function<void(Call&)> import;
  /// Tried first where all inputs are integers known as expressions: true when it has set the outputs, so that shapes computed from symbols
  /// stay known.
  std::function<bool(Call&)> fold = {};
  std::string domain = "";
};

using OperatorTable = std::vector<Operator>;

/// The newest version of the default operator set that the table was written for.
inline constexpr int64_t kNewestOpset = 26;

/// Null when there is none, or none for so old a version. `known` tells whether another version is.
const Operator* find_operator(std::string_view domain, std::string_view name, int64_t version, bool& known);

// The families.
void add_arithmetic(OperatorTable& table);
void add_activations(OperatorTable& table);
void add_logic(OperatorTable& table);
void add_constants(OperatorTable& table);
void add_shapes(OperatorTable& table);
void add_indexing(OperatorTable& table);
void add_products(OperatorTable& table);
void add_reductions(OperatorTable& table);
void add_normalisations(OperatorTable& table);
void add_convolutions(OperatorTable& table);
void add_pools(OperatorTable& table);
void add_losses(OperatorTable& table);
void add_quantisation(OperatorTable& table);
void add_resampling(OperatorTable& table);

}  // namespace sinter::onnx
