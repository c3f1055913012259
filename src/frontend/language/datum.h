// What an expression of the model language stands for while it is lowered: a tensor of the graph, or a fact known while compiling.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/dim.h"
#include "base/dtype.h"
#include "frontend/language/syntax.h"
#include "ir/graph.h"
#include "ir/op_def.h"

namespace sinter::language {

struct Datum;

struct None {};
/// The `label` of a train block before a use has told whether it is classes or numbers.
struct UndecidedLabel {};
/// The results of a call with several, a list literal, a shape.
using List = std::shared_ptr<const std::vector<Datum>>;
/// Functions of the compiler itself: they look at types and lists, which ops cannot.
enum class Builtin : uint8_t { kShape, kRank, kSize, kDType, kLength, kProduct, kFull, kTable, kPerAxis, kRateAt, kMonitored };
/// What can be called: exactly one is set.
struct Callable {
  const Declaration* declaration = nullptr;
  const ir::OpDef* op = nullptr;
  const Builtin* builtin = nullptr;
};
/// An initialiser, optimizer or schedule whose arguments are bound; its body runs later, the first two's once per variable.
struct Template;
using TemplatePtr = std::shared_ptr<const Template>;

struct Datum : std::variant<None, ir::Value, Dim, double, bool, std::string, DType, List, Callable, TemplatePtr, UndecidedLabel> {
  using variant::variant;
  template <class T>
  const T* as() const {
    return std::get_if<T>(this);
  }
  template <class T>
  bool is() const {
    return std::holds_alternative<T>(*this);
  }

  /// A number whose value is known: an integer or a double.
  std::optional<double> known_number() const;
  std::optional<int64_t> known_integer() const;
};

Datum make_list(std::vector<Datum> items);
Datum make_list(const Shape& shape);

/// Names and what they stand for, in order of first assignment. Few names: found by search.
class Environment {
 public:
  const Datum* find(std::string_view name) const;
  void set(std::string_view name, Datum value);
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }

 private:
  std::vector<std::pair<std::string_view, Datum>> values_;
};

struct Template {
  const Declaration* declaration;
  Environment bound;
  std::vector<std::pair<std::string_view, Datum>> given;  // the arguments that the call names or places: what is not here is a default
};

}  // namespace sinter::language
