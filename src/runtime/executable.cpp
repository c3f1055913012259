#include "runtime/executable.h"

#include "runtime/check_program.h"
#include "runtime/plan_image.h"

namespace sinter::runtime {

Executable::Executable(Program program, std::vector<SinterKernel> kernels, std::shared_ptr<void> code_owner)
    : program_(std::move(program)), kernels_(std::move(kernels)), code_owner_(std::move(code_owner)) {
  SINTER_CHECK(kernels_.size() == program_.kernels.size(), "one address per kernel of function " + program_.function);
  for (size_t k = 0; k < kernels_.size(); ++k) SINTER_CHECK(kernels_[k] != nullptr, "no code for kernel " + program_.kernels[k].name);
  const auto broken = check_program(program_);
  SINTER_CHECK(!broken, "function " + program_.function + " breaks " + *broken);
  plan_ = plan_image(program_);
}

}  // namespace sinter::runtime
