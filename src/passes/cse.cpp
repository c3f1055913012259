#include "passes/cse.h"

#include <map>

#include "base/hash.h"
#include "ir/op_def.h"
#include "ir/structural_hash.h"
#include "ir/text.h"
#include "passes/rewrite.h"

namespace sinter::passes {
namespace {

void add(Hasher& hasher, const ir::Attribute& attribute) {
  hasher.number(attribute.index());
  if (const Tensor* tensor = std::get_if<Tensor>(&attribute)) {  // by bits: printing a large constant would take long
    hasher.text(tensor->type_string()).bytes(tensor->raw(), tensor->bytes());
  } else {
    hasher.text(ir::print(attribute));
  }
}

/// Equal keys mean equal values: 128 bits make an accidental clash less likely than a fault of the machine.
Hash128 key_of(const ir::Node& node, const std::vector<ir::Value>& operands) {
  Hasher hasher;
  hasher.text(node.op->name).number(operands.size());
  for (const ir::Value operand : operands) hasher.number(static_cast<uint64_t>(operand.id));
  for (const ir::AttributeDef& attribute : node.op->attributes) {  // an attribute left out equals its fallback
    add(hasher, ir::attribute_of(*node.op, node.attributes, attribute.name));
  }
  for (const ir::Graph& region : node.regions) {
    const Hash128 hash = ir::structural_hash(region);
    hasher.number(hash.high).number(hash.low);
  }
  return hasher.finish();
}

}  // namespace

ir::Module cse(const ir::Module& module) {
  return map_graphs(module, [](const ir::Graph& graph) {
    std::map<Hash128, std::vector<ir::Value>> seen;
    return rewrite(graph, [&](Rewriter& rewriter, const ir::Node& node) -> std::optional<std::vector<ir::Value>> {
      const Hash128 key = key_of(node, rewriter.at(node.operands));
      if (const auto found = seen.find(key); found != seen.end()) return found->second;
      rewriter.copy(node);
      return seen[key] = rewriter.at(node.results);
    });
  });
}

}  // namespace sinter::passes
