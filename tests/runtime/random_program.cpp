#include "runtime/random_program.h"

#include <algorithm>

#include "runtime/programs.h"

namespace sinter::runtime::test {
namespace {

// dims: size of the result, then of each operand. The result begins as its own index; an operand of size 0 adds nothing.
uint32_t mix(uint32_t value, uint32_t operand) { return (value ^ operand) * 2654435761u + 12345u; }

int32_t mix_kernel(const SinterArgs* args, int64_t begin, int64_t end) {
  const size_t operands = static_cast<size_t>(args->dims[1]);
  uint32_t* out = static_cast<uint32_t*>(args->buffers[operands]);
  const int64_t last = std::min(end * kTile, args->dims[0]);
  for (int64_t i = begin * kTile; i < last; ++i) {
    uint32_t value = static_cast<uint32_t>(i);
    for (size_t operand = 0; operand < operands; ++operand) {
      const int64_t size = args->dims[2 + operand];
      if (size > 0) value = mix(value, static_cast<const uint32_t*>(args->buffers[operand])[i % size]);
    }
    out[i] = value;
  }
  return SINTER_OK;
}

// In place: operand 0 is the result's memory, which has the same size; so element i reads only element i of it.
Dim size_of(const RandomProgram::Step& step) { return step.scale * Dim::symbol("n") + step.offset; }

}  // namespace

RandomProgram random_program(uint32_t seed, int kernels, double independence) {
  RandomProgram program;
  RandomSequence random(seed, 9);
  ProgramBuilder b;
  b.symbol("n");
  const Dim n = Dim::symbol("n");
  std::vector<int32_t> buffers = {b.port("x", Role::kInput, {DType::kU32, Shape{n}})};
  std::vector<Dim> sizes = {n};
  std::vector<int> last_use = {1 << 30};  // values taken over in place are not used again
  int outputs = 0;
  for (int k = 0; k < kernels; ++k) {
    RandomProgram::Step step;
    step.scale = random.below(3);
    step.offset = random.below(4) == 0 ? 0 : static_cast<int64_t>(random.below(200));
    step.output = random.below(8) == 0 ? outputs++ : -1;
    const int values = static_cast<int>(buffers.size());
    const int wanted = 1 + static_cast<int>(random.below(3));
    for (int i = 0; i < wanted; ++i) {
      const int back = random.uniform() < independence ? values : std::min(values, 4);
      const int value = values - 1 - static_cast<int>(random.below(static_cast<uint32_t>(back)));
      if (last_use[static_cast<size_t>(value)] > k) step.operands.push_back(value);
    }
    if (step.operands.empty()) step.operands.push_back(0);

    // Now and then the first operand's memory is taken over.
    const int first = step.operands[0];
    const bool is_temporary = first > 0 && program.steps[static_cast<size_t>(first - 1)].output < 0;
    int32_t shares = -1;
    if (step.output < 0 && is_temporary && random.below(3) == 0) {
      shares = buffers[static_cast<size_t>(first)];
      const RandomProgram::Step& taken = program.steps[static_cast<size_t>(first - 1)];
      step.scale = taken.scale;
      step.offset = taken.offset;
      std::erase(step.operands, first);
      step.operands.insert(step.operands.begin(), first);
      last_use[static_cast<size_t>(first)] = k;
    }
    const TensorType type = {DType::kU32, Shape{size_of(step)}};
    const int32_t buffer = step.output < 0 ? b.temporary("t" + std::to_string(k), type, shares)
                                           : b.port("out" + std::to_string(step.output), Role::kOutput, type);
    std::vector<KernelBuffer> uses;
    std::vector<Dim> dims = {size_of(step), static_cast<int64_t>(step.operands.size())};
    for (const int operand : step.operands) {
      uses.push_back(reads(buffers[static_cast<size_t>(operand)]));
      dims.push_back(sizes[static_cast<size_t>(operand)]);
    }
    uses.push_back(writes(buffer));
    const int64_t flops = random.below(2) == 0 ? 1 : 1 << 20;  // cheap ones are run together
    b.kernel(mix_kernel, "mix", uses, dims, tiles_of(size_of(step)), flops);
    if (random.below(12) == 0) b.end_segment();
    buffers.push_back(buffer);
    sizes.push_back(size_of(step));
    last_use.push_back(1 << 30);
    program.steps.push_back(std::move(step));
  }
  program.executable = b.executable();
  return program;
}

std::vector<std::vector<uint32_t>> RandomProgram::expected(const Tensor& x) const {
  std::vector<std::vector<uint32_t>> values = {{x.data<uint32_t>(), x.data<uint32_t>() + x.size()}}, outputs;
  for (const Step& step : steps) {
    std::vector<uint32_t> result(static_cast<size_t>(step.scale * x.size() + step.offset));
    for (size_t i = 0; i < result.size(); ++i) {
      result[i] = static_cast<uint32_t>(i);
      for (const int operand : step.operands) {
        const std::vector<uint32_t>& from = values[static_cast<size_t>(operand)];
        if (!from.empty()) result[i] = mix(result[i], from[i % from.size()]);
      }
    }
    if (step.output >= 0) outputs.push_back(result);
    values.push_back(std::move(result));
  }
  return outputs;
}

}  // namespace sinter::runtime::test
