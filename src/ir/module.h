// A module: named functions over one table of variables with roles (docs/decisions/001-program-and-state.md).
//
// A function's arguments and results are bound to variables by name. An argument reads the variable's value at entry;
// a result bound to a parameter or state writes its new value at exit; a result bound to an output is handed to the caller.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/role.h"
#include "base/tensor.h"
#include "ir/graph.h"

namespace sinter::ir {

using sinter::Role;  // names and parsing: base/role.h

struct Variable {
  std::string name;  // a path: "h1.weight", "adam.h1.weight.m"
  Role role = Role::kInput;
  TensorType type;              // parameters, state and constants have constant shapes
  std::optional<Tensor> value;  // of a constant
};

struct Function {
  std::string name;  // "init", "predict", "step", "evaluate"
  Graph graph;
  std::vector<std::string> arguments;  // variable of each graph argument
  std::vector<std::string> results;    // variable of each graph result
};

struct Module {
  std::string name;
  std::vector<Variable> variables;
  std::vector<Function> functions;

  const Variable* find_variable(std::string_view name) const;
  const Function* find_function(std::string_view name) const;
  /// Raise Error kName with the closest name as a hint.
  const Variable& variable(std::string_view name) const;
  const Function& function(std::string_view name) const;
};

/// The variables that a function touches, in the order in which a compiled program lists them as ports: those of its arguments other
/// than constants, then those of its results that are not among them.
std::vector<std::string> port_names(const Module& module, const Function& function);
/// The constants among its arguments, in order: the program's constants.
std::vector<std::string> constant_names(const Module& module, const Function& function);

/// Raises InternalError naming function and node unless: operands precede uses, types are what the op's rule infers, results exist,
/// arguments and results are bound to variables of equal type with a fitting role, names are unique.
void verify(const Module& module);
/// The same for one graph.
void verify(const Graph& graph);

}  // namespace sinter::ir
