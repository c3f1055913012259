#include "backend/support/loop_program.h"

#include <cmath>
#include <cstring>
#include <unordered_set>

#include "backend/loop/scalar_eval.h"

namespace sinter::test {
namespace {

/// Memory for every buffer of a program: one piece for all that share it.
class ProgramMemory {
 public:
  ProgramMemory(const runtime::Program& program, const std::map<std::string, Tensor>& inputs, const SymbolValues& symbols)
      : program_(program), symbols_(symbols) {
    for (const runtime::Port& port : program.ports) {
      const auto given = inputs.find(port.name);
      ports_.push_back(given != inputs.end() ? given->second.clone() : Tensor(port.type.dtype, port.type.shape.evaluate(symbols)));
    }
    for (size_t b = 0; b < program.buffers.size(); ++b) {
      const PlannedBuffer& buffer = program.buffers[b];
      if (buffer.kind != BufferKind::kArena) continue;
      std::shared_ptr<std::vector<uint64_t>>& piece = arena_[root(b)];
      if (!piece) piece = std::make_shared<std::vector<uint64_t>>();
      const int64_t bytes = element_count(buffer.type.shape.evaluate(symbols)) * static_cast<int64_t>(size_in_bytes(buffer.type.dtype));
      piece->resize(std::max(piece->size(), static_cast<size_t>(bytes + 7) / 8), 0xCDCDCDCDCDCDCDCD);
    }
  }

  Tensor tensor(size_t b) const {
    const PlannedBuffer& buffer = program_.buffers[b];
    if (buffer.kind == BufferKind::kVariable) return ports_[static_cast<size_t>(buffer.index)];
    if (buffer.kind == BufferKind::kConstant) return program_.constants[static_cast<size_t>(buffer.index)];
    const auto& piece = arena_.at(root(b));
    return Tensor::wrap(buffer.type.dtype, buffer.type.shape.evaluate(symbols_), piece->data(), piece);
  }
  std::map<std::string, Tensor> written() const {
    std::map<std::string, Tensor> results;
    for (size_t i = 0; i < ports_.size(); ++i)
      if (program_.ports[i].written) results[program_.ports[i].name] = ports_[i];
    return results;
  }

 private:
  size_t root(size_t b) const {
    while (program_.buffers[b].shares >= 0) b = static_cast<size_t>(program_.buffers[b].shares);
    return b;
  }

  const runtime::Program& program_;
  const SymbolValues& symbols_;
  std::vector<Tensor> ports_;
  std::map<size_t, std::shared_ptr<std::vector<uint64_t>>> arena_;
};

bool is_exact(const loop::ExpressionRef& e, std::unordered_set<const loop::Expression*>& seen) {
  if (!seen.insert(e.get()).second) return true;
  if (e->kind == loop::Expression::Kind::kApply && !loop::is_exact(e->op)) return false;
  for (const loop::ExpressionRef& argument : e->arguments)
    if (!is_exact(argument, seen)) return false;
  return true;
}

bool is_exact(const loop::Body& body, std::unordered_set<const loop::Expression*>& seen) {
  for (const loop::Statement& one : body) {
    const bool exact = std::visit(
        [&](const auto& s) {
          using S = std::decay_t<decltype(s)>;
          if constexpr (std::is_same_v<S, loop::For>) return is_exact(s.body, seen);
          if constexpr (std::is_same_v<S, loop::If>) return is_exact(s.then, seen) && is_exact(s.otherwise, seen);
          if constexpr (std::is_same_v<S, loop::Declare>) return is_exact(s.initial, seen);
          if constexpr (requires { s.value; }) return is_exact(s.value, seen);
          return true;
        },
        one.node);
    if (!exact) return false;
  }
  return true;
}

template <class T> bool same_numbers(const Tensor& a, const Tensor& b) {
  for (int64_t i = 0; i < a.size(); ++i) {
    const T x = a.data<T>()[i], y = b.data<T>()[i];
    if (std::memcmp(&x, &y, sizeof x) != 0 && !(std::isnan(x) && std::isnan(y))) return false;
  }
  return true;
}

bool same_narrow_numbers(const Tensor& a, const Tensor& b) {
  for (int64_t i = 0; i < a.size(); ++i) {
    const double x = a.get(i), y = b.get(i);
    if ((x != y || std::signbit(x) != std::signbit(y)) && !(std::isnan(x) && std::isnan(y))) return false;
  }
  return true;
}

}  // namespace

std::map<std::string, Tensor> run_loops(const backend::LoweredFunction& lowered, const std::map<std::string, Tensor>& inputs,
                                        const SymbolValues& symbols, const loop::EvaluateOptions& options, const AfterKernel& after) {
  const ProgramMemory memory(lowered.program, inputs, symbols);
  for (size_t k = 0; k < lowered.program.kernels.size(); ++k) {
    const runtime::ProgramKernel& entry = lowered.program.kernels[k];
    const loop::Kernel& kernel = lowered.kernels[static_cast<size_t>(lowered.code_of_kernel[k])];
    std::vector<Tensor> buffers;
    for (const runtime::KernelBuffer& use : entry.buffers) buffers.push_back(memory.tensor(static_cast<size_t>(use.buffer)));
    SymbolValues dims;
    for (size_t i = 0; i < kernel.dims.size(); ++i) dims[kernel.dims[i]] = entry.dims[i].evaluate(symbols);
    const loop::EvaluateResult result = loop::evaluate(kernel, buffers, dims, options);
    if (result.failed) {
      throw Error(ErrorCode::kCheck, entry.failure_sites[static_cast<size_t>(result.site)] + ": " + std::to_string(result.value) +
                                         " is not below " + std::to_string(result.limit));
    }
    if (after) after(k, buffers);
  }
  return memory.written();
}

bool is_exact(const loop::Kernel& kernel) {
  std::unordered_set<const loop::Expression*> seen;
  return is_exact(kernel.body, seen);
}

bool same_values(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.extents() != b.extents()) return false;
  if (a.dtype() == DType::kF32) return same_numbers<float>(a, b);
  if (a.dtype() == DType::kF64) return same_numbers<double>(a, b);
  if (is_narrow(a.dtype())) return same_narrow_numbers(a, b);
  return same_bits(a, b);
}

}  // namespace sinter::test
