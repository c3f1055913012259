#include "runtime/executable.h"

#include "runtime/check_program.h"
#include "runtime/plan_image.h"

namespace sinter::runtime {

Executable::Executable(Program program, std::vector<SinterKernel> kernels, std::shared_ptr<void> code_owner,
                       std::shared_ptr<const Executable> preparation)
    : program_(std::move(program)), kernels_(std::move(kernels)), code_owner_(std::move(code_owner)), preparation_(std::move(preparation)) {
  SINTER_CHECK(kernels_.size() == program_.kernels.size(), "one address per kernel of function " + program_.function);
  for (size_t k = 0; k < kernels_.size(); ++k) SINTER_CHECK(kernels_[k] != nullptr, "no code for kernel " + program_.kernels[k].name);
  const auto broken = check_program(program_);
  SINTER_CHECK(!broken, "function " + program_.function + " breaks " + *broken);
  for (const Port& port : program_.ports) {
    if (port.role != Role::kPrepared || port.written) continue;
    const int32_t made = preparation_ ? preparation_->program().find_port(port.name) : -1;
    SINTER_CHECK(made >= 0 && preparation_->program().ports[static_cast<size_t>(made)].type == port.type, "nothing prepares " + port.name);
  }
  plan_ = plan_image(program_);
}

}  // namespace sinter::runtime
