#include "backend/llvm/targets/x86_products.h"

#include <llvm/IR/IntrinsicsX86.h>

namespace sinter::backend {

llvm::Value* multiply_add_bf16_pairs(llvm::IRBuilder<>& b, TargetLevel level, llvm::Value* sum, llvm::Value* x, llvm::Value* y) {
  if (level != TargetLevel::kV4Bf16) return nullptr;
  auto* pairs = llvm::FixedVectorType::get(b.getBFloatTy(), 32);
  return b.CreateIntrinsic(llvm::Intrinsic::x86_avx512bf16_dpbf16ps_512, {}, {sum, b.CreateBitCast(x, pairs), b.CreateBitCast(y, pairs)});
}

llvm::Value* multiply_add_int8_fours(llvm::IRBuilder<>& b, TargetLevel level, llvm::Value* sum, llvm::Value* x, llvm::Value* y) {
  if (level != TargetLevel::kV4Bf16) return nullptr;
  return b.CreateIntrinsic(llvm::Intrinsic::x86_avx512_vpdpbusd_512, {}, {sum, x, y});
}

llvm::Value* multiply_int16_pairs(llvm::IRBuilder<>& b, TargetLevel level, llvm::Value* x, llvm::Value* y) {
  const int bits = target_of(level).vector_bits;
  const llvm::Intrinsic::ID product = bits == 512   ? llvm::Intrinsic::x86_avx512_pmaddw_d_512
                                      : bits == 256 ? llvm::Intrinsic::x86_avx2_pmadd_wd
                                                    : llvm::Intrinsic::x86_sse2_pmadd_wd;
  auto* pairs = llvm::FixedVectorType::get(b.getInt16Ty(), static_cast<unsigned>(bits / 16));
  return b.CreateIntrinsic(product, {}, {b.CreateBitCast(x, pairs), b.CreateBitCast(y, pairs)});
}

}  // namespace sinter::backend
