// The syntax tree of the model language. Names are views into the Source, which a File keeps alive.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/language/source.h"

namespace sinter::language {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

/// An argument of a call, or an item of a list: `axis = 1`, `x`.
struct NamedExpression {
  std::string_view name;  // empty when positional
  uint32_t offset = 0;
  ExpressionPtr value;
};

struct Expression {
  enum class Kind : uint8_t {
    kInteger,  // integer
    kNumber,   // number
    kString,   // string
    kName,     // text
    kUnary,    // text is the operator; one operand
    kBinary,   // text is the operator; two operands
    kChoose,   // `if a then b else c`
    kList,     // arguments are the items
    kCall,     // operands[0] is what is called
    kMember,   // `op.NAME`: operands[0], text
    kIndex,    // operands[0] is what is indexed; subscripts
  };
  Kind kind;
  uint32_t offset;        // where an error about this expression points
  std::string_view text;  // name or operator
  int64_t integer = 0;
  double number = 0;
  std::string string;
  std::vector<ExpressionPtr> operands;
  std::vector<NamedExpression> arguments;
  struct Subscript {
    enum class Kind : uint8_t { kAt, kRange, kAllAxes } kind;  // `i`, `a:b`, `..`
    uint32_t offset;
    ExpressionPtr first, second;  // may be null in a range
  };
  std::vector<Subscript> subscripts;
};

/// `f32[.., in]`, `T[batch, 2 * n]`, or one word: `int`, `function`.
struct TypePattern {
  uint32_t offset = 0;
  std::string_view word;
  bool has_shape = false;
  struct Axis {
    uint32_t offset;
    bool rest;              // `..` or `name..`: any number of axes
    std::string_view name;  // of the rest, may be empty
    ExpressionPtr dim;      // of one axis
  };
  std::vector<Axis> axes;
};

struct Statement;
using Block = std::vector<Statement>;

struct Target {
  std::string_view name;
  uint32_t offset = 0;
};

struct Statement {
  enum class Kind : uint8_t {
    kAssign,     // targets = value, with an optional type
    kParameter,  // `parameter weight: f32[in, units] = normal()`; targets[0], type, value
    kState,
    kSum,  // `sum hits = value`, in a metric: targets[0], value
    kIf,       // value, body, otherwise
    kRepeat,   // targets[0] is the name; value the count; index
    kRequire,  // value, message
    kScan,     // targets are the rows of `rows`; reverse
    kWhile,    // value
  };
  Kind kind;
  uint32_t offset;
  std::vector<Target> targets;
  std::optional<TypePattern> type;
  ExpressionPtr value, message;
  std::optional<Target> index;
  Block body, otherwise;
  std::vector<ExpressionPtr> rows;
  bool reverse = false;
};

struct Parameter {
  std::string_view name;
  uint32_t offset = 0;
  std::optional<TypePattern> type;
  ExpressionPtr fallback;
};

/// A function, layer, model, initialiser, optimizer, schedule or metric.
struct Declaration {
  enum class Kind : uint8_t { kFunction, kLayer, kModel, kInitialiser, kOptimizer, kSchedule, kMetric } kind;
  const Source* source = nullptr;
  std::string_view name;
  uint32_t offset = 0;
  std::vector<Parameter> parameters;
  std::vector<Parameter> results;  // after `->`; no fallbacks
  Block body;
  ExpressionPtr value;  // of the short form `function f(x) = value`; then results and body are empty
};
std::string_view name(Declaration::Kind kind);

struct Setting {
  std::string_view name;
  uint32_t offset = 0;
  ExpressionPtr value;
};

struct TrainBlock {
  std::string_view model;
  uint32_t offset = 0;
  std::vector<Setting> settings;
};

struct File {
  std::shared_ptr<const Source> source;
  std::vector<std::unique_ptr<Declaration>> declarations;
  std::vector<TrainBlock> trains;

  const Declaration* find(std::string_view name) const;
};

}  // namespace sinter::language
