// Functions that copy with rows and columns swapped: blocks go through registers by interleaving, tails through smaller blocks down to single
// elements. One internal function per element size, shared by all kernels of a module. Elements are bits here: any dtype of that size.
#pragma once

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <map>
#include <string>

#include "base/machine.h"

namespace sinter::backend {

class TransposeLibrary {
 public:
  TransposeLibrary(llvm::Module& module, const Target& target) : module_(module), target_(target) {}

  struct Call {
    int element_bytes = 4;
    int64_t filled = 0;  // columns written as zeros beyond the last; 0: none
    // arguments: pointers to the first elements, strides in elements
    llvm::Value *to = nullptr, *from = nullptr, *row_stride = nullptr, *column_stride = nullptr, *rows = nullptr, *columns = nullptr;
  };
  void call(llvm::IRBuilder<>& builder, const Call& call);

 private:
  llvm::Function* function(int element_bytes, int64_t block);

  llvm::Module& module_;
  const Target& target_;
  std::map<std::string, llvm::Function*> functions_;
};

}  // namespace sinter::backend
