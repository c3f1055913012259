#include "runtime/regression.h"

#include <cmath>

#include "base/random.h"
#include "runtime/programs.h"

namespace sinter::runtime::test {
namespace {

constexpr int64_t kWidth = 3;

template <class T = float>
T* buffer(const SinterArgs* args, size_t index) {
  return static_cast<T*>(args->buffers[index]);
}

/// Of sample i; buffers mean, scale, w, b, x.
float output_of(const SinterArgs* args, int64_t i) {
  float y = buffer(args, 3)[0];
  for (int64_t k = 0; k < kWidth; ++k)
    y += (buffer(args, 4)[i * kWidth + k] - buffer(args, 0)[k]) * buffer(args, 1)[k] * buffer(args, 2)[k];
  return y;
}

/// Buffers mean, scale, w, b, x, label, loss, error; dims: batch.
int32_t measure(const SinterArgs* args, int64_t, int64_t) {
  const int64_t n = args->dims[0];
  float loss = 0, error = 0;
  for (int64_t i = 0; i < n; ++i) {
    const float distance = output_of(args, i) - buffer(args, 5)[i];
    loss += distance * distance;
    error += std::fabs(distance);
  }
  buffer(args, 6)[0] = loss / static_cast<float>(n);
  buffer(args, 7)[0] = error / static_cast<float>(n);
  return SINTER_OK;
}

/// As measure; then rate, moment, train.step.
int32_t learn(const SinterArgs* args, int64_t, int64_t) {
  measure(args, 0, 1);
  const int64_t n = args->dims[0];
  float gradient[kWidth + 1] = {};
  for (int64_t i = 0; i < n; ++i) {
    const float slope = 2 * (output_of(args, i) - buffer(args, 5)[i]) / static_cast<float>(n);
    for (int64_t k = 0; k < kWidth; ++k) gradient[k] += slope * (buffer(args, 4)[i * kWidth + k] - buffer(args, 0)[k]) * buffer(args, 1)[k];
    gradient[kWidth] += slope;
  }
  for (int64_t k = 0; k <= kWidth; ++k) {
    float& moment = buffer(args, 9)[k];
    moment = 0.9f * moment + gradient[k];
    (k < kWidth ? buffer(args, 2)[k] : buffer(args, 3)[0]) -= buffer(args, 8)[0] * moment;
  }
  ++buffer<uint32_t>(args, 10)[0];
  return SINTER_OK;
}

/// Buffers mean, scale, w, b, x, y; dims: batch.
int32_t infer(const SinterArgs* args, int64_t, int64_t) {
  for (int64_t i = 0; i < args->dims[0]; ++i) buffer(args, 5)[i] = output_of(args, i);
  return SINTER_OK;
}

/// Buffers mean, scale, w, b, seed, rate, moment, train.step.
int32_t begin(const SinterArgs* args, int64_t, int64_t) {
  RandomSequence random(buffer<uint32_t>(args, 4)[0], 9);
  for (int64_t k = 0; k < kWidth; ++k) {
    buffer(args, 0)[k] = 0;
    buffer(args, 1)[k] = 1;
    buffer(args, 2)[k] = static_cast<float>(random.normal());
  }
  buffer(args, 3)[0] = 0;
  buffer(args, 5)[0] = 0.002f;
  for (int64_t k = 0; k <= kWidth; ++k) buffer(args, 6)[k] = 0;
  buffer<uint32_t>(args, 7)[0] = 0;
  return SINTER_OK;
}

struct Variable {
  const char* name;
  Role role;
  TensorType type;
};
const Variable kModel[] = {{"data.mean", Role::kState, f32(kWidth)},
                           {"data.scale", Role::kState, f32(kWidth)},
                           {"w", Role::kParameter, f32(kWidth)},
                           {"b", Role::kParameter, {DType::kF32, Shape{}}}};
const Variable kTraining[] = {{"model.rate", Role::kState, {DType::kF32, Shape{}}},
                              {"optimizer.all.moment", Role::kState, f32(kWidth + 1)},
                              {"train.step", Role::kState, {DType::kU32, Shape{}}}};

/// A program of one kernel with the model's variables, then those of `ports`; written are all that are not inputs.
std::shared_ptr<const Executable> program(const std::string& name, SinterKernel code, const Dim& batch, std::vector<Variable> ports,
                                          bool learns) {
  ProgramBuilder builder(name);
  for (const std::string& symbol : {"batch"}) {
    if (!batch.as_constant()) builder.symbol(symbol);
  }
  std::vector<KernelBuffer> buffers;
  for (const Variable& variable : kModel) {
    const int32_t port = builder.port(variable.name, variable.role, variable.type);
    buffers.push_back(learns ? updates(port) : reads(port));
  }
  for (const Variable& variable : ports) {
    const int32_t port = builder.port(variable.name, variable.role, variable.type);
    buffers.push_back(variable.role == Role::kInput ? reads(port) : variable.role == Role::kOutput ? writes(port) : updates(port));
  }
  builder.kernel(code, name, buffers, {batch}, 1);
  return builder.executable();
}

}  // namespace

Regression regression(const Dim& batch) {
  const Variable x{"x", Role::kInput, {DType::kF32, Shape{batch, kWidth}}}, label{"label", Role::kInput, f32(batch)};
  const Variable y{"y", Role::kOutput, f32(batch)}, seed{"seed", Role::kInput, {DType::kU32, Shape{}}};
  const Variable loss{"loss", Role::kOutput, {DType::kF32, Shape{}}}, error{"error", Role::kOutput, {DType::kF32, Shape{}}};
  return {program("init", begin, 1, {seed, kTraining[0], kTraining[1], kTraining[2]}, true),
          program("step", learn, batch, {x, label, loss, error, kTraining[0], kTraining[1], kTraining[2]}, true),
          program("evaluate", measure, batch, {x, label, loss, error}, false), program("predict", infer, batch, {x, y}, false)};
}

State regression_state() {
  State state;
  for (const Variable& variable : kModel) state.declare(variable.name, variable.role, variable.type);
  for (const Variable& variable : kTraining) state.declare(variable.name, variable.role, variable.type);
  return state;
}

Dataset regression_data(int64_t samples, uint32_t seed) {
  Dataset data{Tensor(DType::kF32, {samples, kWidth}), Tensor(DType::kF32, {samples})};
  RandomSequence random(seed, 10);
  float* x = data.features.data<float>();
  for (int64_t i = 0; i < samples; ++i, x += kWidth) {
    for (int64_t k = 0; k < kWidth; ++k) x[k] = static_cast<float>(random.normal() * 2 + 1);
    data.labels.data<float>()[i] = 2 * x[0] - x[1] + 0.5f * x[2] + 3 + 0.1f * static_cast<float>(random.normal());
  }
  return data;
}

}  // namespace sinter::runtime::test
