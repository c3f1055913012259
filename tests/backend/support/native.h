// Native code without fusing: every node a kernel of its own. Tests hold lowering and code generation to the evaluator with it, one op at a time.
#pragma once

#include <map>
#include <string>

#include "backend/lower_function.h"
#include "base/machine.h"
#include "ir/module.h"
#include "ir/op_def.h"
#include "runtime/executable.h"
#include "runtime/team.h"

namespace sinter::test {

/// The kind of fusion that a node alone makes (docs/fusion_kinds.md), or nothing when it has none.
std::string fusion_kind(const ir::Graph& graph, const ir::Node& node);

/// The function with each node wrapped into a fusion. Composites must be expanded before.
ir::Function wrap_each_node(const ir::Function& function);

/// One buffer for each value; results that are variables are written where they belong.
MemoryPlan plain_plan(const ir::Module& module, const ir::Function& function);

/// `main` of a module, lowered for a level.
backend::LoweredFunction lower_main(const ir::Module& module, TargetLevel level);

/// The same, of a module whose nodes are fusions already.
backend::LoweredFunction lower_fused_main(const ir::Module& module, TargetLevel level);

/// Records that lower to a kernel of their own.
bool is_native(const ir::OpDef& op);
/// Samples that passes bring into a form that lowering takes.
bool needs_passes(const ir::OpDef& op, const ir::Sample& sample);

/// `main` of a module, compiled for a level.
class NativeProgram {
 public:
  NativeProgram(const ir::Module& module, TargetLevel level) : NativeProgram(lower_main(module, level), level) {}
  NativeProgram(backend::LoweredFunction lowered, TargetLevel level);
  /// What the code is made from.
  const backend::LoweredFunction& lowered() const { return lowered_; }
  /// The outputs by name. Raises what running raises.
  std::map<std::string, Tensor> run(const std::map<std::string, Tensor>& inputs, const SymbolValues& symbols, runtime::Team& team) const;

 private:
  backend::LoweredFunction lowered_;
  std::shared_ptr<const runtime::Executable> executable_;
};

}  // namespace sinter::test
