#include "passes/cleanup.h"

#include "base/error.h"
#include "ir/structural_hash.h"
#include "passes/cse.h"
#include "passes/dce.h"
#include "passes/fold_constants.h"
#include "passes/simplify.h"

namespace sinter::passes {
namespace {

constexpr int kRounds =
    16;  // two or three are usual; more of them than this means passes that undo each other, a fault of ours

}  // namespace

ir::Module cleanup(const ir::Module& module) {
  ir::Module current = module;
  Hash128 hash = ir::structural_hash(current);
  for (int round = 0;; ++round) {
    SINTER_CHECK(round < kRounds, "cleanup: the module still changes after " + std::to_string(round) + " rounds");
    current = dce(cse(simplify(fold_constants(current))));
    const Hash128 now = ir::structural_hash(current);
    if (now == hash) return current;
    hash = now;
  }
}

}  // namespace sinter::passes
