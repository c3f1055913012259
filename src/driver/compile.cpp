#include "driver/compile.h"

#include <chrono>
#include <exception>
#include <set>

#include "backend/llvm/codegen.h"
#include "base/share_out.h"
#include "driver/cache.h"
#include "driver/pipeline.h"
#include "ir/structural_hash.h"
#include "passes/plan_memory.h"
#include "passes/prepare_values.h"
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

int threads_of(const CompileOptions& options) { return options.threads > 0 ? options.threads : this_machine().cores; }

Hash128 cache_key(const ir::Module& module, const CompileOptions& options) {
  const Machine& machine = this_machine();
  Hasher hasher;
  hasher.text(ir::structural_hash(module, true).to_string()).text(build_id()).number(SINTER_ABI_VERSION).number(runtime::kProgramVersion);
  hasher.number(static_cast<uint64_t>(options.level));
  for (const int64_t bytes : {machine.l1_bytes, machine.l2_bytes, machine.l3_bytes}) hasher.number(static_cast<uint64_t>(bytes));  // fusing weighs by them
  return hasher.finish();
}

passes::FuseOptions fuse_options(TargetLevel level) {
  passes::FuseOptions options;
  const double wide = target_of(level).vector_bits / 512.0;  // of the vectors that the defaults speak of
  options.vector_bytes *= wide, options.simple_operations *= wide, options.multiply_adds *= wide;
  options.l1_bytes = static_cast<double>(this_machine().l1_bytes);
  options.l2_bytes = static_cast<double>(this_machine().l2_bytes);
  options.l3_bytes = static_cast<double>(this_machine().l3_bytes);
  return options;
}

std::shared_ptr<const runtime::Executable> link(CacheEntry entry) {
  std::vector<std::string> symbols;
  for (const runtime::ProgramKernel& kernel : entry.program.kernels) symbols.push_back(kernel.symbol);
  if (entry.preparation)
    for (const runtime::ProgramKernel& kernel : entry.preparation->kernels) symbols.push_back(kernel.symbol);
  std::sort(symbols.begin(), symbols.end());
  symbols.erase(std::unique(symbols.begin(), symbols.end()), symbols.end());
  const auto code = backend::load_code(entry.objects, symbols);
  const auto executable = [&](runtime::Program program, std::shared_ptr<const runtime::Executable> preparation) {
    std::vector<SinterKernel> kernels;
    for (const runtime::ProgramKernel& kernel : program.kernels) kernels.push_back(reinterpret_cast<SinterKernel>(code->find(kernel.symbol)));
    return std::make_shared<runtime::Executable>(std::move(program), std::move(kernels), std::const_pointer_cast<backend::LoadedCode>(code),
                                                 std::move(preparation));
  };
  return executable(std::move(entry.program), entry.preparation ? executable(std::move(*entry.preparation), nullptr) : nullptr);
}

}  // namespace

ir::Module only(const ir::Module& module, std::string_view name) {
  ir::Module part;
  part.name = module.name;
  part.functions.push_back(module.function(name));
  // Of a module that has been through the passes.
  if (const ir::Function* preparation = passes::preparation_of(module, module.function(name))) part.functions.push_back(*preparation);
  std::set<std::string> used;
  for (const ir::Function& function : part.functions) {
    used.insert(function.arguments.begin(), function.arguments.end());
    used.insert(function.results.begin(), function.results.end());
  }
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
  const std::vector<passes::Pass> list = pipeline(fuse_options(options.level), target_of(options.level), report ? &told.fusion : nullptr);
  lowered.fused = passes::run_passes(only(module, function), list, options.passes, &told.passes);
  told.passes_seconds = clock.lap();
  const auto lower_one = [&](const ir::Function& one, MemoryPlan& plan, backend::LoweredFunction& code) {
    plan = passes::plan_memory(lowered.fused, one);
    code = backend::lower_function(lowered.fused, one, plan, target_of(options.level), options.level);
    runtime::order_kernels(code.program);
  };
  const ir::Function& main = lowered.fused.functions[0];
  lower_one(main, lowered.plan, lowered.code);
  if (const ir::Function* preparation = passes::preparation_of(lowered.fused, main)) {
    lowered.preparation.emplace();
    lower_one(*preparation, lowered.preparation->plan, lowered.preparation->code);
  }
  told.lowering_seconds = clock.lap();
  return lowered;
}

std::vector<loop::Kernel> Lowered::kernels() const {
  std::vector<loop::Kernel> all = code.kernels;
  if (!preparation) return all;
  for (const loop::Kernel& kernel : preparation->code.kernels)
    if (std::none_of(code.kernels.begin(), code.kernels.end(), [&](const loop::Kernel& known) { return known.name == kernel.name; })) all.push_back(kernel);
  return all;
}

std::string code_text(const Lowered& lowered, TargetLevel level, CodeText form) {
  return backend::generate_code(lowered.kernels(), level, form == CodeText::kLlvm ? backend::CodeForm::kLlvm : backend::CodeForm::kAssembly);
}

namespace {

/// One function on its way; the steps of several may run at the same time.
class Compilation {
 public:
  Compilation(const ir::Module& module, std::string_view function, const CompileOptions& options, CompileReport& told)
      : module_(only(module, function)), options_(options), cache_(options.use_cache ? Cache::standard() : Cache("")), told_(told) {}

  /// From the cache, or as far as kernels.
  void begin() {
    if (cache_.is_on()) key_ = cache_key(module_, options_);
    if (std::optional<CacheEntry> entry = cache_.find(key_)) {
      Clock clock;
      try {
        executable_ = link(std::move(*entry));
        told_.from_cache = true;
        told_.link_seconds = clock.lap();
        return;
      } catch (const Error&) {
        cache_.remove(key_);  // the checksum held, the code did not: compile anew
      }
    }
    lowered_ = lower(module_, module_.functions[0].name, options_, &told_);
    kernels_ = lowered_.kernels();
    told_.kernels = static_cast<int64_t>(kernels_.size());
  }

  const std::vector<loop::Kernel>& kernels() const { return kernels_; }  // none when it came from the cache

  std::shared_ptr<const runtime::Executable> finish(std::vector<std::string> objects) {
    if (executable_) return executable_;
    CacheEntry entry{std::move(lowered_.code.program), std::nullopt, std::move(objects)};
    if (lowered_.preparation) entry.preparation = std::move(lowered_.preparation->code.program);
    if (cache_.is_on()) cache_.store(key_, entry);
    Clock clock;
    executable_ = link(std::move(entry));
    told_.link_seconds = clock.lap();
    return executable_;
  }

 private:
  ir::Module module_;
  const CompileOptions& options_;
  Cache cache_;
  CompileReport& told_;
  Hash128 key_{};
  Lowered lowered_;
  std::vector<loop::Kernel> kernels_;
  std::shared_ptr<const runtime::Executable> executable_;
};

}  // namespace

std::shared_ptr<const runtime::Executable> compile(const ir::Module& module, std::string_view function, const CompileOptions& options,
                                                   CompileReport* report) {
  std::vector<CompileReport> reports;
  auto executable = compile_all(module, {std::string(function)}, options, &reports)[0];
  if (report) *report = std::move(reports[0]);
  return executable;
}

std::vector<std::shared_ptr<const runtime::Executable>> compile_all(const ir::Module& module, const std::vector<std::string>& functions,
                                                                    const CompileOptions& options, std::vector<CompileReport>* reports) {
  Clock total;
  std::vector<CompileReport> ignored;
  std::vector<CompileReport>& told = reports ? *reports : ignored;
  told.assign(functions.size(), {});
  std::vector<Compilation> all;
  all.reserve(functions.size());
  for (size_t i = 0; i < functions.size(); ++i) all.emplace_back(module, functions[i], options, told[i]);
  std::vector<std::exception_ptr> errors(functions.size());
  share_out(functions.size(), threads_of(options), [&](size_t i) {
    try {
      all[i].begin();
    } catch (...) {
      errors[i] = std::current_exception();
    }
  });
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
  std::vector<std::vector<loop::Kernel>> kernels;
  for (const Compilation& one : all) kernels.push_back(one.kernels());
  Clock clock;
  std::vector<std::vector<std::string>> objects = backend::generate_objects(kernels, options.level, threads_of(options));
  const double code_seconds = clock.lap();
  std::vector<std::shared_ptr<const runtime::Executable>> executables;
  for (size_t i = 0; i < all.size(); ++i) executables.push_back(all[i].finish(std::move(objects[i])));
  const double seconds = total.lap();
  for (CompileReport& report : told) report.code_seconds = code_seconds, report.seconds = seconds;
  return executables;
}

}  // namespace sinter::driver
