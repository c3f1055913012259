// State and Run: binding, named errors, signatures, replaced variables, profile; and what a steady run costs.
#include <gtest/gtest.h>

#include <chrono>

#include "runtime/allocations.h"
#include "runtime/programs.h"

namespace sinter::runtime::test {
namespace {

template <class Body> std::string error_of(ErrorCode code, Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(State, HoldsVariablesByName) {
  State state;
  state.declare("h1.weight", Role::kParameter, {DType::kF32, Shape{2, 3}});
  const void* address = state.get("h1.weight").raw();
  for (int i = 0; i < 100; ++i) state.declare("v" + std::to_string(i), Role::kState, f32(i));
  state.declare("h1.weight", Role::kParameter, {DType::kF32, Shape{2, 3}});
  EXPECT_EQ(state.get("h1.weight").raw(), address);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(address) % 64, 0u);
  EXPECT_EQ(state.entries().size(), 101u);
  EXPECT_EQ(state.get("h1.weight").get(5), 0.0);
  EXPECT_TRUE(state.contains("v99"));
  EXPECT_FALSE(state.contains("v100"));
  const auto other = [&](TensorType type, Role role) { return error_of(ErrorCode::kType, [&] { state.declare("h1.weight", role, type); }); };
  EXPECT_TRUE(has(other({DType::kF64, Shape{2, 3}}, Role::kParameter), "h1.weight"));
  other({DType::kF32, Shape{3, 2}}, Role::kParameter);
  other({DType::kF32, Shape{2, 3}}, Role::kState);
  error_of(ErrorCode::kType, [&] { state.declare("new", Role::kState, f32(Dim::symbol("n"))); });
  EXPECT_TRUE(has(error_of(ErrorCode::kName, [&] { state.get("h1.wieght"); }), "h1.weight"));
}

class RunTest : public testing::Test {
 protected:
  std::shared_ptr<const Executable> executable_ = chains(2);
  std::unique_ptr<Team> team_ = serial_team();
};

TEST_F(RunTest, BatchesOfManySizesUseFewPlans) {
  // Against a fresh Run for each size; more sizes than plans are kept.
  ProgramBuilder b;
  b.symbol("n");
  const Dim n = Dim::symbol("n");
  const int32_t x = b.port("x", Role::kInput, f32(n)), z = b.port("z", Role::kOutput, f32(n));
  const int32_t t = b.temporary("t", f32(n));
  b.kernel(saxpy, "saxpy", {reads(x), reads(x), writes(t)}, {n}, tiles_of(n));
  b.kernel(saxpy, "saxpy", {reads(t), reads(x), writes(z)}, {n}, tiles_of(n));
  const auto executable = b.executable();
  State state;
  runtime::Run run(executable, state, *team_);
  for (int round = 0; round < 3; ++round) {
    for (int64_t size = 0; size < 20; ++size) {
      const int64_t n_now = size * size * 37 % 1000;
      const Tensor values = numbers(n_now, static_cast<uint32_t>(size));
      run.bind("x", values);
      run.execute();
      ASSERT_EQ(run.output("z").extents(), Extents{n_now});
      for (int64_t i = 0; i < n_now; ++i) {
        const float v = values.data<float>()[i];
        ASSERT_EQ(run.output("z").data<float>()[i], 1.5f * (1.5f * v + v) + v);
      }
      EXPECT_EQ(run.arena_bytes(), std::max<int64_t>((n_now * 4 + 63) / 64 * 64, 64));
    }
  }
}

TEST_F(RunTest, SteadyRunsAllocateNothing) {
  if (kSanitizer) GTEST_SKIP();
  for (const int participants : {1, 3}) {
    const auto team = thread_team(participants);
    State state = state_for(executable_->program(), 5000);
    runtime::Run run(executable_, state, *team);
    run.bind("x", numbers(5000, 1));
    run.bind("y", numbers(5000, 2));
    run.execute();
    const int64_t before = allocation_count();
    for (int i = 0; i < 100; ++i) run.execute();
    EXPECT_EQ(allocation_count(), before);
  }
}

TEST_F(RunTest, BoundOutputsAreWrittenInPlace) {
  State state = state_for(executable_->program(), 10);
  runtime::Run run(executable_, state, *team_);
  const Tensor x = numbers(10, 1), y = numbers(10, 2);
  run.bind("x", x);
  run.bind("y", y);
  run.execute();
  const Tensor own = run.output("z").clone();
  state.get("w") = Tensor(DType::kF32, {10});
  Tensor mine(DType::kF32, {10});
  run.bind("z", mine);
  run.execute();
  EXPECT_TRUE(same_bits(mine, own));
  EXPECT_EQ(run.output("z").raw(), mine.raw());
  run.bind("z", x);
  EXPECT_TRUE(has(error_of(ErrorCode::kUsage, [&] { run.execute(); }), "shares memory"));
  run.bind("z", Tensor(DType::kF32, {11}));
  EXPECT_TRUE(has(error_of(ErrorCode::kCheck, [&] { run.execute(); }), "n = 10"));
}

TEST_F(RunTest, ReplacedVariablesAreSeen) {
  State state = state_for(executable_->program(), 100);
  runtime::Run run(executable_, state, *team_);
  run.bind("x", numbers(100, 1));
  run.bind("y", numbers(100, 2));
  run.execute();
  const Tensor first = run.output("z").clone();
  run.execute();
  EXPECT_FALSE(same_bits(run.output("z"), first));  // w has changed
  state.get("w") = Tensor(DType::kF32, {100});
  run.execute();
  EXPECT_TRUE(same_bits(run.output("z"), first));
  for (int i = 0; i < 50; ++i) state.declare("more" + std::to_string(i), Role::kState, f32(3));  // the table of variables moves
  state.get("w") = Tensor(DType::kF32, {100});
  run.execute();
  EXPECT_TRUE(same_bits(run.output("z"), first));
  state.get("w") = Tensor(DType::kF64, {100});
  EXPECT_TRUE(has(error_of(ErrorCode::kType, [&] { run.execute(); }), "\"w\""));
  state.get("w") = Tensor(DType::kF32, {99});
  EXPECT_TRUE(has(error_of(ErrorCode::kCheck, [&] { run.execute(); }), "100"));
  state.get("w") = Tensor(DType::kF32, {100});
  run.execute();
  EXPECT_TRUE(same_bits(run.output("z"), first));
}

TEST_F(RunTest, MistakesAreNamed) {
  State empty;
  EXPECT_TRUE(has(error_of(ErrorCode::kName, [&] { runtime::Run(executable_, empty, *team_); }), "\"w\""));
  State other;
  other.declare("w", Role::kState, {DType::kF64, Shape{4}});
  error_of(ErrorCode::kType, [&] { runtime::Run(executable_, other, *team_); });

  State state = state_for(executable_->program(), 4);
  runtime::Run run(executable_, state, *team_);
  EXPECT_TRUE(has(error_of(ErrorCode::kUsage, [&] { run.execute(); }), "\"x\""));
  EXPECT_TRUE(has(error_of(ErrorCode::kName, [&] { run.bind("summ", numbers(4, 1)); }), "did you mean \"sum\"?"));
  EXPECT_TRUE(has(error_of(ErrorCode::kUsage, [&] { run.bind("w", numbers(4, 1)); }), "state"));
  EXPECT_TRUE(has(error_of(ErrorCode::kType, [&] { run.bind("x", Tensor(DType::kF64, {4})); }), "f64[4]"));
  EXPECT_TRUE(has(error_of(ErrorCode::kCheck, [&] { run.bind("x", Tensor(DType::kF32, {4, 1})); }), "\"x\""));
  run.bind("x", numbers(4, 1));
  run.bind("y", numbers(5, 1));
  error_of(ErrorCode::kCheck, [&] { run.execute(); });
  run.bind("y", numbers(4, 1));
  error_of(ErrorCode::kUsage, [&] { run.output("z"); });
  run.set_dim("n", 5);
  error_of(ErrorCode::kCheck, [&] { run.execute(); });
  run.set_dim("n", 4);
  run.execute();
  error_of(ErrorCode::kUsage, [&] { run.output("x"); });
  error_of(ErrorCode::kName, [&] { run.set_dim("m", 4); });
  error_of(ErrorCode::kCheck, [&] { run.set_dim("n", -1); });
  run.execute();
}

TEST_F(RunTest, DimsThatNoInputDetermines) {
  ProgramBuilder b;
  b.symbol("n");
  b.symbol("m");
  const Dim n = Dim::symbol("n"), m = Dim::symbol("m");
  const int32_t x = b.port("x", Role::kInput, f32(n + m)), z = b.port("z", Role::kOutput, f32(m));
  const int32_t huge = b.temporary("huge", f32(m * m * m));
  b.kernel(saxpy, "saxpy", {reads(x), reads(x), writes(z)}, {m}, tiles_of(m));
  b.kernel(nothing, "nothing", {writes(huge)}, {}, floor_div(m, n));
  State state;
  runtime::Run run(b.executable(), state, *team_);
  run.bind("x", numbers(10, 1));
  EXPECT_TRUE(has(error_of(ErrorCode::kUsage, [&] { run.execute(); }), "the dim n"));
  run.set_dim("n", 4);
  run.set_dim("m", 7);
  EXPECT_TRUE(has(error_of(ErrorCode::kCheck, [&] { run.execute(); }), "11"));
  run.set_dim("m", 6);
  run.execute();
  EXPECT_EQ(run.output("z").extents(), Extents{6});
  run.set_dim("n", 0);
  run.bind("x", numbers(6, 1));
  error_of(ErrorCode::kCheck, [&] { run.execute(); });  // division by zero
  run.set_dim("n", 1);
  run.set_dim("m", 100000);
  run.bind("x", numbers(100001, 1));
  error_of(ErrorCode::kCheck, [&] { run.execute(); });  // more memory than there is
  run.set_dim("m", 5);
  run.bind("x", numbers(6, 1));
  run.execute();
  EXPECT_EQ(run.output("z").extents(), Extents{5});
}

TEST_F(RunTest, KernelsGetScratchAndEmptyBuffers) {
  ProgramBuilder b;
  const int32_t empty = b.temporary("empty", f32(0)), out = b.port("out", Role::kOutput, {DType::kU8, Shape{0}});
  const auto check = +[](const SinterArgs* args, int64_t, int64_t) -> int32_t {
    int64_t sum = 0;
    for (int i = 0; i < 64; ++i) sum += static_cast<volatile char*>(args->buffers[0])[i] + static_cast<volatile char*>(args->buffers[1])[i];
    for (int i = 0; i < 1000; ++i) static_cast<volatile char*>(args->scratch)[i] = static_cast<char>(sum);
    const bool aligned = reinterpret_cast<uintptr_t>(args->buffers[0]) % 64 == 0 && reinterpret_cast<uintptr_t>(args->scratch) % 64 == 0;
    *args->failure = {SINTER_CHECK_FAILED, 7, aligned, 1};
    return aligned ? SINTER_OK : SINTER_CHECK_FAILED;
  };
  b.kernel(check, "check", {writes(empty), writes(out)}, {}, 50).scratch_bytes = 1000;
  for (const int participants : {1, 4}) {
    const auto team = thread_team(participants);
    State state;
    runtime::Run run(b.executable(), state, *team);
    run.bind("out", Tensor::wrap(DType::kU8, {0}, nullptr, nullptr));
    for (int i = 0; i < 20; ++i) run.execute();
  }
}

TEST_F(RunTest, ProfileCountsKernels) {
  for (const int participants : {1, 3}) {
    const auto team = thread_team(participants);
    State state = state_for(executable_->program(), 5000);
    runtime::Run run(executable_, state, *team);
    run.bind("x", numbers(5000, 1));
    run.bind("y", numbers(5000, 2));
    run.execute();
    for (const KernelTime& time : run.kernel_times()) EXPECT_EQ(time.calls, 0);
    run.profile(true);
    for (int i = 0; i < 10; ++i) run.execute();
    ASSERT_EQ(run.kernel_times().size(), executable_->program().kernels.size());
    for (const KernelTime& time : run.kernel_times()) {
      EXPECT_EQ(time.calls, 10);
      EXPECT_GT(time.seconds, 0);
      EXPECT_LT(time.seconds, 1);
    }
    run.profile(false);
    run.execute();
    EXPECT_EQ(run.kernel_times()[0].calls, 0);
  }
}

/// Seconds of the fastest of many short series: what the work costs when nothing disturbs it.
template <class Body> double fastest(Body&& body) {
  double best = 1;
  for (int series = 0; series < 200; ++series) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 100; ++i) body();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / 100);
  }
  return best;
}

TEST_F(RunTest, SmallProgramsCostLessThanAMicrosecond) {
  ProgramBuilder b;
  const int32_t x = b.port("x", Role::kInput, f32(8)), w = b.port("w", Role::kState, f32(8));
  for (int i = 0; i < 20; ++i) b.kernel(nothing, "nothing", {reads(x), updates(w)}, {1, 2}, 4, 100);
  const auto executable = b.executable();
  const auto team = thread_team(2);  // must not take part
  State state = state_for(executable->program(), 8);
  runtime::Run run(executable, state, *team);
  const Tensor input = numbers(8, 1);
  run.bind("x", input);
  const double steady = fastest([&] { run.execute(); });
  const double bound = fastest([&] {
    run.bind("x", input);
    run.execute();
  });
  RecordProperty("steady_ns", std::to_string(steady * 1e9));
  RecordProperty("bound_ns", std::to_string(bound * 1e9));
  constexpr double kFactor = kSanitizer ? 20 : 1;
  EXPECT_LT(steady, kFactor * 1e-6);
  EXPECT_LT(bound, kFactor * 1.5e-6);
}

}  // namespace
}  // namespace sinter::runtime::test
