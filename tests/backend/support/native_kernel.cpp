#include "backend/support/native_kernel.h"

#include <cstdlib>

#include "backend/loop/verify.h"
#include "base/error.h"
#include "runtime/abi.h"

namespace sinter::test {
namespace {

size_t scratch_bytes(const loop::Kernel& kernel) {
  size_t total = 0;
  for (const loop::Buffer& buffer : kernel.buffers)
    if (buffer.use == loop::BufferUse::kScratch)
      total += (static_cast<size_t>(buffer.shape.element_count().constant()) * size_in_bytes(buffer.dtype) + 63) / 64 * 64;
  return total;
}

}  // namespace

std::shared_ptr<const backend::LoadedCode> load_native(const loop::Kernel& kernel, TargetLevel level) {
  loop::verify(kernel);
  return backend::load_code(backend::generate_objects({{kernel}}, level, 1)[0], {kernel.name});
}

void run_native(const loop::Kernel& kernel, const backend::LoadedCode& code, std::vector<Tensor>& buffers, const SymbolValues& dims) {
  std::vector<void*> pointers;
  for (const Tensor& tensor : buffers) pointers.push_back(const_cast<void*>(static_cast<const void*>(tensor.raw())));
  std::vector<int64_t> values;
  for (const std::string& dim : kernel.dims) values.push_back(dims.at(dim));
  const std::unique_ptr<void, decltype(&std::free)> scratch(std::aligned_alloc(64, scratch_bytes(kernel) + 64), &std::free);
  SinterFailure failure{};
  const SinterArgs args{pointers.data(), values.data(), scratch.get(), &failure};
  const auto run = reinterpret_cast<SinterKernel>(code.find(kernel.name));
  SINTER_CHECK(run(&args, 0, kernel.tiles.evaluate(dims)) == SINTER_OK, "the kernel failed");
}

}  // namespace sinter::test
