// Linking objects into this process with JITLink: pages are writable or executable, never both.
#include <llvm/ExecutionEngine/JITLink/JITLinkMemoryManager.h>
#include <llvm/ExecutionEngine/Orc/Core.h>
#include <llvm/ExecutionEngine/Orc/ExecutorProcessControl.h>
#include <llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h>
#include <llvm/Support/MemoryBuffer.h>

#include <cstring>
#include <map>

#include "backend/llvm/codegen.h"
#include "runtime/kernel/table.h"

namespace sinter::backend {
namespace {

/// LLVM's errors as text; `what` is ours to explain.
[[noreturn]] void refuse(llvm::Error error) {
  throw Error(ErrorCode::kData, "compiled code does not link: " + llvm::toString(std::move(error))).hint("the cache entry is damaged; it will be compiled anew");
}

template <class T> T must(llvm::Expected<T> value) {
  if (!value) refuse(value.takeError());
  return std::move(*value);
}

class Loaded final : public LoadedCode {
 public:
  Loaded(const std::vector<std::string>& objects, const std::vector<std::string>& symbols)
      : session_(must(llvm::orc::SelfExecutorProcessControl::Create())), layer_(session_) {
    session_.setErrorReporter([](llvm::Error error) { llvm::consumeError(std::move(error)); });
    llvm::Expected<llvm::orc::JITDylib&> created = session_.createJITDylib("kernels");
    if (!created) refuse(created.takeError());
    llvm::orc::JITDylib& library = *created;
    define_routines(library);
    for (const std::string& object : objects) {
      auto buffer = llvm::MemoryBuffer::getMemBufferCopy(object, "kernels.o");
      if (llvm::Error error = layer_.add(library, std::move(buffer))) refuse(std::move(error));
    }
    llvm::orc::SymbolLookupSet wanted;
    for (const std::string& symbol : symbols) wanted.add(session_.intern(symbol));
    const auto found = must(session_.lookup({{&library, llvm::orc::JITDylibLookupFlags::MatchAllSymbols}}, std::move(wanted)));
    for (const auto& [name, symbol] : found) addresses_[(*name).str()] = symbol.getAddress().toPtr<void*>();
  }
  ~Loaded() override {
    if (llvm::Error error = session_.endSession()) llvm::consumeError(std::move(error));
  }

  void* find(std::string_view symbol) const override {
    const auto found = addresses_.find(symbol);
    SINTER_CHECK(found != addresses_.end(), "no code for " + std::string(symbol));
    return found->second;
  }

 private:
  /// What kernels may call outside themselves: the scalar routines of runtime/kernel, and the C library's memory functions that LLVM introduces.
  void define_routines(llvm::orc::JITDylib& library) {
    llvm::orc::SymbolMap symbols;
    const auto define = [&](const char* name, void* address) {
      symbols[session_.intern(name)] = {llvm::orc::ExecutorAddr::fromPtr(address), llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable};
    };
    int64_t count = 0;
    const SinterRoutine* routines = sinter_routines(&count);
    for (int64_t i = 0; i < count; ++i) define(routines[i].name, routines[i].address);
    define("memset", reinterpret_cast<void*>(static_cast<void* (*)(void*, int, size_t)>(&memset)));
    define("memcpy", reinterpret_cast<void*>(static_cast<void* (*)(void*, const void*, size_t)>(&memcpy)));
    define("memmove", reinterpret_cast<void*>(static_cast<void* (*)(void*, const void*, size_t)>(&memmove)));
    if (llvm::Error error = library.define(llvm::orc::absoluteSymbols(std::move(symbols)))) refuse(std::move(error));
  }

  llvm::orc::ExecutionSession session_;
  llvm::orc::ObjectLinkingLayer layer_;
  std::map<std::string, void*, std::less<>> addresses_;
};

}  // namespace

std::shared_ptr<const LoadedCode> load_code(const std::vector<std::string>& objects, const std::vector<std::string>& symbols) {
  return std::make_shared<Loaded>(objects, symbols);
}

}  // namespace sinter::backend
