// Compiling: a function of a module becomes an Executable, from the cache when it has been compiled before.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/lower_function.h"
#include "base/machine.h"
#include "base/memory_plan.h"
#include "ir/module.h"
#include "passes/fuse.h"
#include "passes/manager.h"
#include "runtime/executable.h"

namespace sinter::driver {

struct CompileOptions {
  TargetLevel level = default_target_level();
  int threads = 0;            // that generate code; 0: the cores of this machine. The result does not depend on it.
  bool use_cache = true;      // the folder SINTER_CACHE names, or the user's cache folder
  passes::RunOptions passes;  // dumps, stopping early, bisecting
};

struct CompileReport {
  bool from_cache = false;
  double seconds = 0;
  int64_t kernels = 0;            // whose code was generated
  double passes_seconds = 0, lowering_seconds = 0, code_seconds = 0, link_seconds = 0;
  passes::PassReport passes;      // empty when from the cache
  passes::FusionReport fusion;
};

/// The module with one function only, and the variables it touches.
ir::Module only(const ir::Module& module, std::string_view function);

/// Everything between the module and machine code, for showing and for compiling.
struct Lowered {
  ir::Module fused;  // the function, and after it the one that prepares values for it, when there is one
  MemoryPlan plan;
  backend::LoweredFunction code;
  /// What computes the prepared values that the function reads.
  struct Preparation {
    MemoryPlan plan;
    backend::LoweredFunction code;
  };
  std::optional<Preparation> preparation;

  /// The distinct kernels of both.
  std::vector<loop::Kernel> kernels() const;
};
Lowered lower(const ir::Module& module, std::string_view function, const CompileOptions& options = {}, CompileReport* report = nullptr);

/// The code of the kernels as text: LLVM's, or assembly.
enum class CodeText { kLlvm, kAssembly };
std::string code_text(const Lowered& lowered, TargetLevel level, CodeText form);

/// Raises Error for what the user's module cannot do (kUnsupported, with the node's name), InternalError for what the compiler cannot.
std::shared_ptr<const runtime::Executable> compile(const ir::Module& module, std::string_view function, const CompileOptions& options = {},
                                                   CompileReport* report = nullptr);

/// Several functions at once: what is not in the cache is compiled by all threads together. One report per function, whose `code_seconds` and `seconds`
/// are those of all.
std::vector<std::shared_ptr<const runtime::Executable>> compile_all(const ir::Module& module, const std::vector<std::string>& functions,
                                                                    const CompileOptions& options = {}, std::vector<CompileReport>* reports = nullptr);

}  // namespace sinter::driver
