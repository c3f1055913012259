// One function of a module while its graph grows: the variables it reads and writes, found as the lowering meets them.
// Reads are placeholder nodes; `finish` makes them the graph's arguments and keeps the live nodes only.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "frontend/language/datum.h"
#include "ir/builder.h"
#include "ir/module.h"

namespace sinter::language {

/// A variable of the module, and what `init` gives it when it is a parameter or state.
struct DeclaredVariable {
  ir::Variable variable;
  Datum initial;  // a number or an initialiser; none for train.seed, inputs and outputs
  const Source* source = nullptr;
  uint32_t offset = 0;  // of the declaration
};

/// The table that all functions of a module share, in order of declaration.
class VariableTable {
 public:
  DeclaredVariable* find(std::string_view name);
  /// Adds it, or finds the one of that name, role and type that another function declared. Raises Error kName for another role, kType for
  /// another type.
  DeclaredVariable& declare(DeclaredVariable declared);
  const std::deque<DeclaredVariable>& all() const { return variables_; }
  /// Inputs, parameters, state, outputs; each in order of declaration.
  std::vector<const DeclaredVariable*> by_role() const;

 private:
  std::deque<DeclaredVariable> variables_;
  std::map<std::string, DeclaredVariable*, std::less<>> by_name_;
};

class Emission {
 public:
  Emission(VariableTable& table, bool training) : table_(table), builder_(graph_), training_(training) {}
  Emission(const Emission&) = delete;
  Emission& operator=(const Emission&) = delete;

  ir::Builder& builder() { return builder_; }
  VariableTable& table() { return table_; }
  bool training() const { return training_; }
  size_t node_count() const { return graph_.nodes().size(); }

  /// The value of a declared variable now: as it was written last, else as at entry.
  ir::Value read(std::string_view variable);
  /// The same, and an argument of the function even when nothing uses it.
  ir::Value read_input(std::string_view variable);
  /// The new value of a state or parameter, or an output.
  void write(std::string_view variable, ir::Value value);

  ir::Function finish(std::string name);
  /// The same, with the inputs alone that something uses.
  ir::Function finish_with_used_inputs(std::string name);

  // ---- regions: a body is written as any other nodes, around stand-ins for what it is given, and then taken out ----

  /// Stands for an argument of a region; no node but those that are taken out may read it.
  ir::Value stand_in(const TensorType& type);
  /// Values from outside that nodes from number `first` on, as far as `results` need them, read: variables and what was computed before.
  /// What is made of nothing is not among them: a region has a copy.
  std::vector<ir::Value> captured(size_t first, const std::vector<ir::Value>& arguments, const std::vector<ir::Value>& results) const;
  /// The nodes that `results` need as a region of these arguments: stand-ins and captured values.
  ir::Graph region(const std::vector<ir::Value>& arguments, const std::vector<ir::Value>& results) const;
  /// Whether the value is a variable's at entry.
  bool is_variable(ir::Value value) const;
  /// How many values were written; which was the last.
  const std::map<std::string, ir::Value, std::less<>>& written() const { return written_; }

 private:
  bool is_of_nothing(ir::Value value) const;
  VariableTable& table_;
  ir::Graph graph_;
  ir::Builder builder_;
  bool training_;
  std::vector<std::string> inputs_;
  std::map<std::string, ir::Value, std::less<>> placeholders_, written_;
};

}  // namespace sinter::language
