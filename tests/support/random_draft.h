// A graph that may still change anywhere, with the value of everything in it: what random modules are made of and reduced in.
// Used by random_module.cpp and random_reduce.cpp only.
#pragma once

#include <string>
#include <vector>

#include "support/random_module.h"

namespace sinter::test {

struct Draft {
  /// A value by its number: an argument, or a result of a step.
  struct Item {
    TensorType type;
    Tensor value;
    bool is_argument = false;
    bool binds_symbol = false;  // kept as long as its symbol is used
    Role role = Role::kInput;   // of an argument
    ir::SampleOperand fill;     // of an argument
  };
  struct Step {
    const ir::OpDef* op = nullptr;
    std::vector<int> operands;
    ir::Attributes attributes;
    std::vector<ir::Graph> regions;
    std::string name;
    std::vector<int> results;
  };

  uint32_t seed = 0;
  SymbolValues symbols;
  std::vector<Item> items;
  std::vector<Step> steps;                 // each after those that it reads
  std::vector<int> outputs;
  std::vector<std::pair<int, int>> updates;  // of the state that is the first item, with the second

  int add_argument(Item item);
  /// Without what no output and no update needs.
  RandomModule emit() const;
};

Draft draft_of(const RandomModule& random);

}  // namespace sinter::test
