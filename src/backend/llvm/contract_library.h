// Microkernels of `contract`: register tiles of a matrix product, one function per form, shared by all kernels of a module or, where several modules
// make one program, of the program: each module then says which forms it calls, and one of them has their code.
//
// A microkernel is specialised in rows, vectors per row, dtype, mask, A's unit stride and whether it accumulates; depth and
// strides are parameters. Accumulators live in registers over the whole depth.
#pragma once

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include <map>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/machine.h"

namespace sinter::backend {

class ContractLibrary {
 public:
  /// Where the code of the microkernels stands that the module calls.
  enum class Code { kHere, kElsewhere };
  ContractLibrary(llvm::Module& module, const Target& target, Code code = Code::kHere) : module_(module), target_(target), code_(code) {}

  /// What a microkernel is made for.
  struct Form {
    int rows = 1, vectors = 1;
    DType dtype = DType::kF32, a_dtype = DType::kF32;  // of C, and of A
    int group = 1;      // neighbours in depth that an element of B holds
    bool tail = false;  // the depth may end inside of one
    bool raised = false;  // A counts 128 more
    bool masked = false, accumulate = false, a_unit_depth = false, a_unit_row = false, a_spread = false, batched = false, ahead = false;
    bool gathered = false;  // rows of A begin where a table says, in elements, not at steps of a_stride
    bool after = false;     // of a form that accumulates: only where an argument is not 0

    std::string symbol() const;
    /// How much code it is, about: a multiply-add of a step of the depth is one.
    int size() const { return rows * vectors; }
  };
  struct Call {
    Form form;
    // pointers to the first elements, strides in elements
    llvm::Value *a = nullptr, *b = nullptr, *c = nullptr;
    llvm::Value *a_stride = nullptr, *a_depth_stride = nullptr, *b_depth_stride = nullptr, *c_stride = nullptr, *depth = nullptr;
    llvm::Value *batches = nullptr, *a_batch_stride = nullptr, *b_batch_stride = nullptr, *columns = nullptr;
    llvm::Value *after = nullptr, *table = nullptr;
    llvm::Value *ahead_from = nullptr, *ahead_stride = nullptr;  // of a form with `ahead`
  };
  void call(llvm::IRBuilder<>& builder, const Call& call);

  /// The height of the next register tile when `rows` rows, of up to `max_rows`, are left. Where the number is known while compiling, only the heights that it
  /// needs are made; else all that may come, which are therefore few.
  static int height(int rows, int vectors, int max_rows, bool known);

  /// The forms that were called, by their symbols.
  const std::map<std::string, Form>& forms() const { return forms_; }
  /// The code of a form that other modules call.
  void define(const Form& form);

 private:
  llvm::Function* microkernel(const Form& form);

  llvm::Module& module_;
  const Target& target_;
  const Code code_;
  std::map<std::string, llvm::Function*> functions_;
  std::map<std::string, Form> forms_;
};

}  // namespace sinter::backend
