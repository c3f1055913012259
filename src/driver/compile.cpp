#include "driver/compile.h"

#include <chrono>
#include <set>

#include "backend/llvm/codegen.h"
#include "driver/cache.h"
#include "driver/pipeline.h"
#include "ir/structural_hash.h"
#include "passes/plan_memory.h"
#include "runtime/order.h"

namespace sinter::driver {
namespace {

class Clock {
 public:
  /// Seconds since the last call.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    return seconds;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

Hash128 cache_key(const ir::Module& module, const CompileOptions& options) {
  const Machine& machine = this_machine();
  Hasher hasher;
  hasher.text(ir::structural_hash(module, true).to_string()).text(build_id()).number(SINTER_ABI_VERSION).number(runtime::kProgramVersion);
  hasher.number(static_cast<uint64_t>(options.level));
  hasher.number(static_cast<uint64_t>(machine.l2_bytes)).number(static_cast<uint64_t>(machine.l3_bytes));  // fusing weighs by them
  return hasher.finish();
}

passes::FuseOptions fuse_options() {
  passes::FuseOptions options;
  options.l2_bytes = static_cast<double>(this_machine().l2_bytes);
  options.l3_bytes = static_cast<double>(this_machine().l3_bytes);
  return options;
}

std::shared_ptr<const runtime::Executable> link(runtime::Program program, const std::vector<std::string>& objects) {
  std::vector<std::string> symbols;
  for (const runtime::ProgramKernel& kernel : program.kernels) symbols.push_back(kernel.symbol);
  std::sort(symbols.begin(), symbols.end());
  symbols.erase(std::unique(symbols.begin(), symbols.end()), symbols.end());
  const auto code = backend::load_code(objects, symbols);
  std::vector<SinterKernel> kernels;
  for (const runtime::ProgramKernel& kernel : program.kernels) kernels.push_back(reinterpret_cast<SinterKernel>(code->find(kernel.symbol)));
  return std::make_shared<runtime::Executable>(std::move(program), std::move(kernels), std::const_pointer_cast<backend::LoadedCode>(code));
}

}  // namespace

ir::Module only(const ir::Module& module, std::string_view name) {
  const ir::Function& function = module.function(name);
  std::set<std::string> used(function.arguments.begin(), function.arguments.end());
  used.insert(function.results.begin(), function.results.end());
  ir::Module part;
  part.name = module.name;
  part.functions.push_back(function);
  for (const ir::Variable& variable : module.variables)
    if (used.count(variable.name)) part.variables.push_back(variable);
  return part;
}

Lowered lower(const ir::Module& module, std::string_view function, const CompileOptions& options, CompileReport* report) {
  CompileReport ignored;
  CompileReport& told = report ? *report : ignored;
  Clock clock;
  Lowered lowered;
  WorkingOn context("function " + std::string(function));
  const std::vector<passes::Pass> list = pipeline(fuse_options(), &told.fusion);
  lowered.fused = passes::run_passes(only(module, function), list, options.passes, &told.passes);
  lowered.plan = passes::plan_memory(lowered.fused, lowered.fused.functions[0]);
  told.passes_seconds = clock.lap();
  lowered.code = backend::lower_function(lowered.fused, lowered.fused.functions[0], lowered.plan, target_of(options.level), options.level);
  runtime::order_kernels(lowered.code.program);
  told.lowering_seconds = clock.lap();
  return lowered;
}

std::string code_text(const Lowered& lowered, TargetLevel level, CodeText form) {
  return backend::generate_code(lowered.code.kernels, level, form == CodeText::kLlvm ? backend::CodeForm::kLlvm : backend::CodeForm::kAssembly);
}

std::shared_ptr<const runtime::Executable> compile(const ir::Module& module, std::string_view function, const CompileOptions& options,
                                                   CompileReport* report) {
  CompileReport ignored;
  CompileReport& told = report ? *report : ignored;
  Clock total, clock;
  const Cache cache = options.use_cache ? Cache::standard() : Cache("");
  const Hash128 key = cache.is_on() ? cache_key(only(module, function), options) : Hash128{};
  if (std::optional<CacheEntry> entry = cache.find(key)) {
    try {
      auto executable = link(std::move(entry->program), entry->objects);
      told.from_cache = true;
      told.link_seconds = clock.lap();
      told.seconds = total.lap();
      return executable;
    } catch (const Error&) {
      cache.remove(key);  // the checksum held, the code did not: compile anew
    }
  }
  Lowered lowered = lower(module, function, options, &told);
  clock.lap();
  const int threads = options.threads > 0 ? options.threads : this_machine().cores;
  CacheEntry entry{std::move(lowered.code.program), backend::generate_objects(lowered.code.kernels, options.level, threads)};
  told.code_seconds = clock.lap();
  if (cache.is_on()) cache.store(key, entry);
  clock.lap();
  auto executable = link(std::move(entry.program), entry.objects);
  told.link_seconds = clock.lap();
  told.seconds = total.lap();
  return executable;
}

}  // namespace sinter::driver
