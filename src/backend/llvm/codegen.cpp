#include "backend/llvm/codegen.h"

#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Linker/Linker.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/CommandLine.h>
#include <llvm/Support/CrashRecoveryContext.h>
#include <llvm/Support/ErrorHandling.h>
#include <llvm/Support/SmallVectorMemoryBuffer.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "backend/llvm/kernel_emitter.h"
#include "backend/llvm/measuring_code.h"
#include "backend/llvm/measuring_emitter.h"
#include "backend/llvm/partition.h"
#include "backend/llvm/runtime_bitcode.h"
#include "backend/llvm/targets/x86.h"
#include "backend/simd/bitcode.h"
#include "base/share_out.h"

namespace sinter::backend {
namespace {

/// Kernels are emitted vectorised; what is left is promoting variables, common subexpressions, and moving address arithmetic out of loops.
constexpr const char* kPipeline =
    "always-inline,function(sroa,early-cse,instcombine<no-verify-fixpoint>,simplifycfg,"
    "loop-mssa(licm),gvn,instcombine<no-verify-fixpoint>,simplifycfg),globaldce";

void initialize_llvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    llvm::CrashRecoveryContext::Enable();
    // Loop strength reduction takes exponential time on long index formulas. The options are those of our own, hidden copy of LLVM.
    const char* const arguments[] = {"sinter", "-disable-lsr"};
    llvm::cl::ParseCommandLineOptions(2, arguments, "", &llvm::nulls());
  });
}

std::unique_ptr<llvm::TargetMachine> make_target_machine(const TargetDescription& description) {
  std::string message;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(description.triple, message);
  SINTER_CHECK(target != nullptr, "LLVM: " + message);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;  // a product and a sum are rounded separately
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(description.triple, description.cpu, description.features, options,
                                                                          llvm::Reloc::PIC_, llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default));
}

/// Functions inline only into callers whose features include theirs, and silently stay calls otherwise: so all say the same.
void set_target_attributes(llvm::Module& module, const TargetDescription& description) {
  for (llvm::Function& function : module) {
    if (function.isDeclaration()) continue;
    for (const char* stale : {"target-cpu", "target-features", "tune-cpu"}) function.removeFnAttr(stale);
    function.addFnAttr("target-cpu", description.cpu);
    if (!description.features.empty()) function.addFnAttr("target-features", description.features);
    // Both, or the generic tuning splits 512-bit vectors in two.
    function.addFnAttr("prefer-vector-width", std::to_string(description.preferred_vector_width));
    function.addFnAttr("min-legal-vector-width", std::to_string(description.preferred_vector_width));
  }
}

/// Links bitcode into `module`: only what is needed, which alone is read, and hidden.
void link_bitcode(llvm::Module& module, llvm::StringRef bitcode, const char* what) {
  auto parsed = llvm::getLazyBitcodeModule(llvm::MemoryBufferRef(bitcode, what), module.getContext());
  if (!parsed) SINTER_CHECK(false, std::string(what) + ": " + llvm::toString(parsed.takeError()));
  std::unique_ptr<llvm::Module> library = std::move(*parsed);
  library->setTargetTriple(module.getTargetTriple());
  library->setDataLayout(module.getDataLayout());
  std::set<std::string> defined;
  for (llvm::GlobalValue& value : library->global_values())
    if (!value.isDeclaration()) defined.insert(value.getName().str());
  SINTER_CHECK(!llvm::Linker::linkModules(module, std::move(library), llvm::Linker::LinkOnlyNeeded), std::string("cannot link ") + what);
  for (llvm::GlobalValue& value : module.global_values())
    if (!value.isDeclaration() && defined.count(value.getName().str())) {
      value.setLinkage(llvm::GlobalValue::InternalLinkage);
      value.setDSOLocal(true);
      // A linker keeps one group of a name: the functions of a second object would refer to what is gone.
      if (auto* object = llvm::dyn_cast<llvm::GlobalObject>(&value)) object->setComdat(nullptr);
    }
}

void optimize(llvm::Module& module, llvm::TargetMachine& machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager cgscc;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(cgscc);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, cgscc, modules);
  llvm::ModulePassManager passes;
  if (llvm::Error error = builder.parsePassPipeline(passes, kPipeline)) SINTER_CHECK(false, llvm::toString(std::move(error)));
  passes.run(module, modules);
}

std::string write_module(llvm::Module& module, llvm::TargetMachine& machine, CodeForm form) {
  std::string text;
  if (form == CodeForm::kLlvm) {
    llvm::raw_string_ostream out(text);
    module.print(out, nullptr);
    return text;
  }
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  llvm::legacy::PassManager passes;
  passes.add(llvm::createTargetTransformInfoWrapperPass(machine.getTargetIRAnalysis()));
  const bool refused = machine.addPassesToEmitFile(passes, out, nullptr, form == CodeForm::kAssembly ? llvm::CodeGenFileType::AssemblyFile : llvm::CodeGenFileType::ObjectFile);
  SINTER_CHECK(!refused, "LLVM cannot emit this form of code");
  passes.run(module);
  return {bytes.begin(), bytes.end()};
}

void verify_module(const llvm::Module& module) {
  std::string message;
  llvm::raw_string_ostream out(message);
  if (llvm::verifyModule(module, &out)) SINTER_CHECK(false, "LLVM refuses the module: " + out.str());
}

/// After a fatal error inside LLVM its global state cannot be trusted: the compiler refuses further work, the process lives.
std::atomic<bool>& is_broken() {
  static std::atomic<bool> broken = false;
  return broken;
}

/// Runs `work`; a fatal LLVM error becomes an InternalError, exceptions pass on.
template <class Work> void guarded_llvm(const Work& work) {
  SINTER_CHECK(!is_broken(), "LLVM failed before in this process; the compiler refuses further work");
  std::exception_ptr thrown;
  llvm::CrashRecoveryContext context;
  const bool finished = context.RunSafely([&] {
    try {
      work();
    } catch (...) {
      thrown = std::current_exception();
    }
  });
  if (thrown) std::rethrow_exception(thrown);
  if (!finished) {
    is_broken() = true;
    SINTER_CHECK(false, "LLVM failed while generating code");
  }
}

/// One module being made: context, machine, kernels, libraries.
class ModuleMaker {
 public:
  explicit ModuleMaker(TargetLevel level) : level_(level), description_(describe_target(level)), machine_(make_target_machine(description_)), module_("sinter", context_) {
    module_.setTargetTriple(description_.triple);
    module_.setDataLayout(machine_->createDataLayout());
    module_.setPICLevel(llvm::PICLevel::BigPIC);
  }

  using Forms = std::map<std::string, ContractLibrary::Form>;

  /// Returns the microkernels that the kernels call, whose code may stand in another module.
  Forms add_kernels(const std::vector<loop::Kernel>& kernels, ContractLibrary::Code code = ContractLibrary::Code::kHere) {
    const Target target = target_of(level_);
    ContractLibrary contracts(module_, target, code);
    TransposeLibrary transposes(module_, target);
    ScalarEmitter scalars(module_, target, level_);
    for (const loop::Kernel& kernel : kernels) {
      WorkingOn context("code of " + kernel.name);
      KernelEmitter(module_, target, {contracts, transposes, scalars}, kernel).emit();
    }
    verify_module(module_);
    if (scalars.uses_math()) {
      const auto bitcode = simd::math_bitcode(level_);
      link_bitcode(module_, {reinterpret_cast<const char*>(bitcode.data()), bitcode.size()}, "the math library");
    }
    return contracts.forms();
  }

  void add_microkernels(const std::vector<ContractLibrary::Form>& forms) {
    const Target target = target_of(level_);
    ContractLibrary contracts(module_, target);
    for (const ContractLibrary::Form& form : forms) contracts.define(form);
    verify_module(module_);
  }

  void add_parts(const ObjectParts& parts) {
    for (const auto& [symbol, bytes] : parts.data) {
      auto* content = llvm::ConstantDataArray::getString(context_, bytes, false);
      auto* data = new llvm::GlobalVariable(module_, content->getType(), true, llvm::GlobalValue::InternalLinkage, content, symbol);
      data->setAlignment(llvm::Align(64));
    }
    for (const auto& [symbol, names] : parts.tables) add_table(symbol, names);
    llvm::Type* any_function = llvm::FunctionType::get(llvm::Type::getVoidTy(context_), false);
    for (const ObjectParts::Routine& routine : parts.routines)  // a declaration makes the linker bring it along
      module_.getOrInsertFunction(routine.symbol, llvm::cast<llvm::FunctionType>(any_function));
    const auto bitcode = runtime_bitcode();
    link_bitcode(module_, {reinterpret_cast<const char*>(bitcode.data()), bitcode.size()}, "the runtime's routines");
    for (llvm::GlobalValue& value : module_.global_values())
      if (!value.isDeclaration()) value.setLinkage(llvm::GlobalValue::InternalLinkage);
    for (const ObjectParts::Routine& routine : parts.routines) {
      llvm::Function* function = module_.getFunction(routine.symbol);
      SINTER_CHECK(function && !function->isDeclaration(), "no routine " + routine.symbol);
      function->setName(routine.exported);
      function->setLinkage(llvm::GlobalValue::ExternalLinkage);
    }
    for (const std::string& symbol : parts.exported) module_.getNamedGlobal(symbol)->setLinkage(llvm::GlobalValue::ExternalLinkage);
  }

  std::array<double, kArithmetics> add_measuring_functions() { return emit_measuring_functions(module_, level_); }

  std::string finish(CodeForm form) {
    set_target_attributes(module_, description_);
    optimize(module_, *machine_);
    return write_module(module_, *machine_, form);
  }

 private:
  void add_table(const std::string& symbol, const std::vector<std::string>& names) {
    llvm::Type* pointer = llvm::PointerType::getUnqual(context_);
    std::vector<llvm::Constant*> entries;
    for (const std::string& name : names) {
      entries.push_back(llvm::cast_or_null<llvm::Constant>(module_.getNamedValue(name)));
      SINTER_CHECK(entries.back() != nullptr, "the table " + symbol + " names " + name + ", which is not there");
    }
    if (entries.empty()) entries.push_back(llvm::Constant::getNullValue(pointer));  // C knows no empty array
    auto* type = llvm::ArrayType::get(pointer, entries.size());
    new llvm::GlobalVariable(module_, type, true, llvm::GlobalValue::InternalLinkage, llvm::ConstantArray::get(type, entries), symbol);
  }

  TargetLevel level_;
  TargetDescription description_;
  llvm::LLVMContext context_;
  std::unique_ptr<llvm::TargetMachine> machine_;
  llvm::Module module_;
};

}  // namespace

MeasuringCode measuring_code(TargetLevel level) {
  initialize_llvm();
  MeasuringCode code;
  std::string object;
  std::array<double, kArithmetics> operations{};
  guarded_llvm([&] {
    ModuleMaker maker(level);
    operations = maker.add_measuring_functions();
    object = maker.finish(CodeForm::kObject);
  });
  std::vector<std::string> symbols{"read", "triad"};
  for (size_t i = 0; i < kArithmetics; ++i) symbols.push_back(multiply_add_symbol(static_cast<Arithmetic>(i)));
  code.owner = load_code({object}, symbols);
  for (size_t i = 0; i < kArithmetics; ++i) {
    void* address = code.owner->find(multiply_add_symbol(static_cast<Arithmetic>(i)));
    code.multiply_add[i] = {reinterpret_cast<void (*)(void*, int64_t)>(address), operations[i]};
  }
  code.read = reinterpret_cast<void (*)(const void*, int64_t, void*)>(code.owner->find("read"));
  code.triad = reinterpret_cast<void (*)(void*, const void*, const void*, int64_t)>(code.owner->find("triad"));
  return code;
}

std::string generate_code(const std::vector<loop::Kernel>& kernels, TargetLevel level, CodeForm form) {
  initialize_llvm();
  std::string result;
  guarded_llvm([&] {
    ModuleMaker maker(level);
    maker.add_kernels(kernels);
    result = maker.finish(form);
  });
  return result;
}

namespace {

/// One module among those of several programs: kernels, or microkernels that these share.
struct Part {
  size_t program;
  std::vector<loop::Kernel> kernels;
  std::vector<ContractLibrary::Form> microkernels;
  double cost = 0;
  std::unique_ptr<ModuleMaker> maker;
  ModuleMaker::Forms called;
  std::string object;
};

/// work(part) for each part on all threads, the most expensive ones first.
void on_all_threads(std::vector<Part>& parts, int threads, const std::function<void(Part&)>& work) {
  std::vector<Part*> order;
  for (Part& part : parts) order.push_back(&part);
  std::stable_sort(order.begin(), order.end(), [](const Part* a, const Part* b) { return a->cost > b->cost; });
  std::vector<std::exception_ptr> errors(parts.size());
  share_out(order.size(), threads, [&](size_t i) {
    try {
      guarded_llvm([&] { work(*order[i]); });
    } catch (...) {
      errors[i] = std::current_exception();
    }
  });
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
}

std::vector<Part> kernel_parts(size_t program, const std::vector<loop::Kernel>& kernels) {
  std::vector<double> costs;
  for (const loop::Kernel& kernel : kernels) costs.push_back(kernel_cost(kernel));
  std::vector<Part> parts;
  for (const std::vector<size_t>& module : cut_into_modules(costs)) {
    Part& part = parts.emplace_back();
    part.program = program;
    for (const size_t k : module) part.kernels.push_back(kernels[k]), part.cost += costs[k];
  }
  return parts;
}

std::vector<Part> microkernel_parts(size_t program, const ModuleMaker::Forms& called) {
  std::vector<ContractLibrary::Form> forms;
  std::vector<double> costs;
  for (const auto& [symbol, form] : called) forms.push_back(form), costs.push_back(microkernel_cost(form.size()));
  std::vector<Part> parts;
  for (const std::vector<size_t>& module : cut_into_modules(costs)) {
    Part& part = parts.emplace_back();
    part.program = program;
    for (const size_t i : module) part.microkernels.push_back(forms[i]), part.cost += costs[i];
  }
  return parts;
}

void append(std::vector<Part>& parts, std::vector<Part> more) {
  for (Part& part : more) parts.push_back(std::move(part));
}

}  // namespace

std::vector<std::vector<std::string>> generate_objects(const std::vector<std::vector<loop::Kernel>>& programs, TargetLevel level, int threads) {
  initialize_llvm();
  std::vector<Part> parts;
  for (size_t p = 0; p < programs.size(); ++p) append(parts, kernel_parts(p, programs[p]));
  // Which microkernels there are is known when all kernels are written; their code, most of the work, comes after.
  on_all_threads(parts, threads, [level](Part& part) {
    part.maker = std::make_unique<ModuleMaker>(level);
    part.called = part.maker->add_kernels(part.kernels, ContractLibrary::Code::kElsewhere);
  });
  std::vector<ModuleMaker::Forms> called(programs.size());
  for (Part& part : parts) called[part.program].merge(part.called);
  for (size_t p = 0; p < programs.size(); ++p) append(parts, microkernel_parts(p, called[p]));
  on_all_threads(parts, threads, [level](Part& part) {
    if (!part.maker) {
      part.maker = std::make_unique<ModuleMaker>(level);
      part.maker->add_microkernels(part.microkernels);
    }
    part.object = part.maker->finish(CodeForm::kObject);
    part.maker.reset();
  });
  std::vector<std::vector<std::string>> objects(programs.size());
  for (Part& part : parts) objects[part.program].push_back(std::move(part.object));
  return objects;
}

std::string generate_linked_object(const ObjectParts& parts, TargetLevel level) {
  initialize_llvm();
  std::string result;
  guarded_llvm([&] {
    ModuleMaker maker(level);
    maker.add_kernels(parts.kernels);
    maker.add_parts(parts);
    result = maker.finish(CodeForm::kObject);
  });
  return result;
}

}  // namespace sinter::backend
