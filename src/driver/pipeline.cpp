#include "driver/pipeline.h"

#include "backend/contract_packing.h"
#include "passes/assign_layout.h"
#include "passes/bind_results.h"
#include "passes/canonical_contracts.h"
#include "passes/canonical_convolutions.h"
#include "passes/cleanup.h"
#include "passes/dce.h"
#include "passes/expand.h"
#include "passes/grad.h"
#include "passes/group_contracts.h"
#include "passes/hoist_constants.h"
#include "passes/lift_invariants.h"
#include "passes/pack_filters.h"
#include "passes/pack_operands.h"
#include "passes/prepare_values.h"
#include "passes/recognise.h"
#include "passes/widen.h"

namespace sinter::driver {

std::vector<passes::Pass> pipeline(const passes::FuseOptions& options, const Target& target, passes::FusionReport* report) {
  const auto panel_width = [target](const ir::Node& contract, const ir::Graph& graph) {
    return backend::panel_width(contract, graph, target);
  };
  const auto filter_width = [target](const ir::Node& convolution, const ir::Graph& graph) { return backend::filter_width(convolution, graph, target); };
  const auto word_packing = [target](const Dim& rows, const Dim& columns, const Dim& depth, DType sums, int group) {
    const backend::GroupPacking packing = backend::group_packing(rows, columns, depth, sums, group, target);
    return passes::WordPacking{packing.width, packing.unsigned_bytes};
  };
  return {
      {"recognise", "first: forms written by hand become the ops that they are, whose gradients are shorter and more accurate",
       passes::recognise},
      {"widen", "f16 and bf16 are computed with as f32: while composites are whole, so that their result alone is rounded", passes::widen},
      {"grad", "before expanding: its rules speak of composites, and everything after it sees ordinary ops only", passes::grad},
      {"widen_gradients", "cotangents of f16 and bf16 values were added up as such", passes::widen},
      {"canonical_convolutions", "gradients by filters are found as the gradient rule writes them, before transposes wander", passes::canonical_convolutions},
      {"assign_layout", "transposes meet their opposites while convolutions and pools are whole, in the gradients, too", passes::assign_layout},
      {"expand", "lowering knows primitives; gradients of composites are in place by now", [](const ir::Module& m) { return passes::expand(m); }},
      {"cleanup", "gradients and expansions are built for simplicity of their rules, not of their graphs", passes::cleanup},
      {"canonical_contracts", "lowering wants the contracted axes of each operand in one run; after cleanup, which moves transposes into contracts",
       passes::canonical_contracts},
      {"lift_invariants", "loops compute once what never changes, and tables leave regions; the forms of contractions are final, so that transposed weights leave too",
       passes::lift_invariants},
      {"hoist_constants", "bodies hold numbers, tables are memory; last before fusing, so that folding is over", passes::hoist_constants},
      {"dce", "what canonical forms left behind must not become kernels", [](const ir::Module& m) { return passes::dce(m); }},
      {"group_contracts", "kernels multiply bf16 and bytes by words of neighbours; once the axes of operands are in order, before the others are packed",
       [word_packing](const ir::Module& m) { return passes::group_contracts(m, word_packing); }},
      {"pack_operands", "contractions read panels; once their operands and the axes of these are final",
       [panel_width](const ir::Module& m) { return passes::pack_operands(m, panel_width); }},
      {"pack_filters", "convolutions read panels of the filter over and over; as the pass before", [filter_width](const ir::Module& m) {
         return passes::pack_filters(m, filter_width);
       }},
      {"lift_packing", "bodies of loops pack what never changes, too", passes::lift_invariants},
      {"prepare_values", "what calls have in common is computed ahead; after all layouts are decided, before kernels are cut", passes::prepare_values},
      {"fuse", "one kernel per fusion", [options, report](const ir::Module& m) { return passes::fuse(m, options, report); }},
      {"bind_results", "every result gets a kernel that may write it where the variable lives", passes::bind_results},
  };
}

}  // namespace sinter::driver
