#include "passes/hoist_constants.h"

#include <algorithm>
#include <map>

#include "base/hash.h"
#include "ir/op_def.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

/// The value of a constant node that is a table rather than a number.
const Tensor* table_of(const ir::Node& node) {
  const auto* index = std::get_if<ir::Index>(&node.op->lowering);
  if (index == nullptr || index->kind != ir::Index::Kind::kConstant) return nullptr;
  const Tensor& value = ir::get_attribute<Tensor>(*node.op, node.attributes, "value");
  return value.size() == 1 ? nullptr : &value;
}

Hash128 hash_of(const Tensor& tensor) {
  Hasher hasher;
  hasher.text(tensor.type_string()).bytes(tensor.raw(), tensor.bytes());
  return hasher.finish();
}

/// The constants of a module by their bits.
class ConstantTable {
 public:
  explicit ConstantTable(ir::Module& module) : module_(module) {
    for (const ir::Variable& variable : module.variables)
      if (variable.value) names_.try_emplace(hash_of(*variable.value), variable.name);
  }

  const std::string& name_of(const Tensor& value) {
    const auto [entry, added] = names_.try_emplace(hash_of(value));
    if (added) {
      while (module_.find_variable("constant" + std::to_string(next_)) != nullptr) ++next_;
      entry->second = "constant" + std::to_string(next_);
      module_.variables.push_back({entry->second, Role::kConstant, {value.dtype(), Shape::of(value.extents())}, value});
    }
    return entry->second;
  }

 private:
  ir::Module& module_;
  std::map<Hash128, std::string> names_;
  int next_ = 0;
};

void hoist(ir::Function& function, ConstantTable& table) {
  std::map<std::string, ir::Value> arguments;  // of constants, by variable
  for (size_t i = 0; i < function.arguments.size(); ++i) arguments[function.arguments[i]] = {static_cast<int32_t>(i)};
  const ir::Graph from = std::move(function.graph);
  Rewriter rewriter(from);
  for (const ir::Node& node : from.nodes()) {
    const Tensor* value = table_of(node);
    if (value == nullptr) continue;
    const std::string& name = table.name_of(*value);
    if (arguments.contains(name)) continue;
    arguments[name] = rewriter.builder().graph().add_argument(from.type(node.results[0]));
    function.arguments.push_back(name);
  }
  for (const ir::Node& node : from.nodes()) {
    if (const Tensor* value = table_of(node)) {
      rewriter.replace(node.results[0], arguments.at(table.name_of(*value)));
    } else {
      rewriter.copy(node);
    }
  }
  function.graph = std::move(rewriter).finish();
}

}  // namespace

ir::Module hoist_constants(const ir::Module& module) {
  ir::Module result = module;
  ConstantTable table(result);
  for (ir::Function& function : result.functions) {
    const auto& nodes = function.graph.nodes();
    if (std::any_of(nodes.begin(), nodes.end(), [](const ir::Node& node) { return table_of(node) != nullptr; })) hoist(function, table);
  }
  return result;
}

}  // namespace sinter::passes
