// Prepared values: computed once per change of what they are made of, by every team, for all Runs of an executable and a state; never stale,
// never in the way.
#include "runtime/prepared_values.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "runtime/allocations.h"
#include "runtime/programs.h"
#include "support/sanitizers.h"

namespace sinter::runtime::test {
namespace {

constexpr int64_t kSize = 1000;
std::atomic<int64_t> prepared_tiles{0};

/// out[i] = 2 * w[i] + 1; buffers w, out; dims: n.
int32_t prepare_kernel(const SinterArgs* args, int64_t begin, int64_t end) {
  prepared_tiles.fetch_add(end - begin);
  const float* w = static_cast<const float*>(args->buffers[0]);
  float* out = static_cast<float*>(args->buffers[1]);
  for (int64_t i = begin * kTile; i < std::min(end * kTile, args->dims[0]); ++i) out[i] = 2 * w[i] + 1;
  return SINTER_OK;
}

/// y = 1.5 * (2 * w + 1) + x; with `counts`, the state variable `count` is halved at each call.
std::shared_ptr<const Executable> model(SinterKernel prepare = prepare_kernel, bool counts = false) {
  ProgramBuilder before("predict_prepare");
  const int32_t w = before.port("w", Role::kParameter, f32(kSize), Access::kRead);
  const int32_t made = before.port("prepared.w", Role::kPrepared, f32(kSize), Access::kWrite);
  before.kernel(prepare, "prepare", {reads(w), writes(made)}, {kSize}, tiles_of(kSize));
  ProgramBuilder b("predict");
  const int32_t x = b.port("x", Role::kInput, f32(kSize));
  const int32_t ready = b.port("prepared.w", Role::kPrepared, f32(kSize), Access::kRead);
  const int32_t y = b.port("y", Role::kOutput, f32(kSize));
  b.kernel(saxpy, "saxpy", {reads(ready), reads(x), writes(y)}, {kSize}, tiles_of(kSize));
  if (counts) {
    const int32_t count = b.port("count", Role::kState, f32(1));
    b.kernel(halve_in_place, "halve", {updates(count), reads(y)}, {1}, 1);
  }
  return b.executable(before.executable());
}

/// w = w * 0.5 + s / 1000.
std::shared_ptr<const Executable> step() {
  ProgramBuilder b("step");
  const int32_t w = b.port("w", Role::kParameter, f32(kSize));
  const int32_t s = b.port("s", Role::kInput, f32(1));
  b.kernel(halve_in_place, "halve", {updates(w), reads(s)}, {kSize}, tiles_of(kSize));
  return b.executable();
}

State state_with(float w) {
  State state;
  state.declare("w", Role::kParameter, f32(kSize));
  state.declare("count", Role::kState, f32(1));
  for (float& value : state.get("w").span<float>()) value = w;
  return state;
}

void fill(Tensor& tensor, float value) {
  for (float& element : tensor.span<float>()) element = value;
}

/// Executes, and expects y for this w; returns how many tiles were prepared.
int64_t expect_value(runtime::Run& run, float w) {
  const int64_t before = prepared_tiles;
  run.bind("x", Tensor(DType::kF32, {kSize}));
  run.execute();
  for (const float y : run.output("y").span<float>()) EXPECT_EQ(y, 1.5f * (2 * w + 1));
  return prepared_tiles - before;
}

const int64_t kOnce = tiles_of(kSize).constant();

TEST(PreparedValues, AreComputedOncePerChange) {
  const auto team = serial_team();
  State state = state_with(3);
  runtime::Run run(model(), state, *team);
  EXPECT_EQ(expect_value(run, 3), kOnce);
  EXPECT_EQ(expect_value(run, 3), 0);
  fill(state.get("w"), 4);
  EXPECT_EQ(expect_value(run, 4), kOnce);
  state.get("w") = Tensor(DType::kF32, {kSize});
  EXPECT_EQ(expect_value(run, 0), kOnce);
  std::as_const(state).get("w");
  state.get("count").set(0, 5);
  EXPECT_EQ(expect_value(run, 0), 0) << "looking at a variable and changing another are no changes";
}

TEST(PreparedValues, FollowWhatWasWrittenLaterOnceTold) {
  const auto team = serial_team();
  State state = state_with(3);
  Tensor kept = state.get("w");
  Tensor& reference = state.get("w");
  runtime::Run run(model(), state, *team);
  EXPECT_EQ(expect_value(run, 3), kOnce);
  fill(kept, 7);
  state.changed("w");
  EXPECT_EQ(expect_value(run, 7), kOnce);
  reference = Tensor(DType::kF32, {kSize});
  EXPECT_EQ(expect_value(run, 0), kOnce) << "another address is seen";
}

TEST(PreparedValues, FollowATrainingStep) {
  for (const int size : {1, 2, 3, 8}) {
    const auto team = thread_team(size);
    State state = state_with(4);
    runtime::Run train(step(), state, *team), predict(model(), state, *team);
    train.bind("s", Tensor(DType::kF32, {1}));
    float w = 4;
    for (int epoch = 0; epoch < 5; ++epoch, w /= 2) {
      EXPECT_EQ(expect_value(predict, w), kOnce);
      EXPECT_EQ(expect_value(predict, w), 0);
      train.execute();
    }
  }
}

TEST(PreparedValues, StayWhileTheProgramWritesOtherState) {
  const auto team = serial_team();
  State state = state_with(1);
  runtime::Run run(model(prepare_kernel, true), state, *team);
  EXPECT_EQ(expect_value(run, 1), kOnce);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(expect_value(run, 1), 0);
}

TEST(PreparedValues, AreSharedByRunsAndGoWithTheirExecutable) {
  const auto team = serial_team();
  State state = state_with(1);
  auto executable = model(), other = model();
  {
    runtime::Run first(executable, state, *team), second(executable, state, *team), third(other, state, *team);
    EXPECT_EQ(expect_value(first, 1) + expect_value(second, 1), kOnce);
    EXPECT_EQ(expect_value(third, 1), kOnce) << "another executable has values of its own";
  }
  runtime::Run again(executable, state, *team);
  EXPECT_EQ(expect_value(again, 1), 0) << "they outlive Runs";
  EXPECT_EQ(state.prepared_bytes(), 2 * kSize * 4);
  other.reset();
  EXPECT_EQ(state.prepared_bytes(), kSize * 4);
  State elsewhere = state_with(2);
  runtime::Run there(executable, elsewhere, *team);
  EXPECT_EQ(expect_value(there, 2), kOnce);
  EXPECT_EQ(expect_value(again, 1), 0) << "states do not know each other";
}

TEST(PreparedValues, AreComputedByWhoeverComes) {
  const auto loop = [](void*, int64_t count, void (*body)(void*, int64_t), void* data) {
    for (int64_t i = count; i > 0; --i) body(data, i - 1);
  };
  for (const int size : {1, 2, 3, 8}) {
    std::vector<std::unique_ptr<Team>> teams;
    teams.push_back(thread_team(size));
    teams.push_back(host_team(size, loop, nullptr));
    if (!sinter::test::kThreadSanitizer) teams.push_back(openmp_team(size));
    for (const auto& team : teams) {
      State state = state_with(6);
      runtime::Run run(model(), state, *team);
      EXPECT_EQ(expect_value(run, 6), kOnce);
      EXPECT_EQ(expect_value(run, 6), 0);
    }
  }
}

TEST(PreparedValues, AreComputedOnceForThreadsThatBeginTogether) {
  const auto executable = model();
  State state = state_with(0);
  for (int round = 1; round <= 20; ++round) {
    fill(state.get("w"), static_cast<float>(round));
    const int64_t before = prepared_tiles;
    std::vector<std::thread> threads;
    std::atomic<int> waiting{4};
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        const auto team = thread_team(2);
        runtime::Run run(executable, state, *team);
        const Tensor x(DType::kF32, {kSize});
        run.bind("x", x);
        for (--waiting; waiting > 0;) std::this_thread::yield();
        for (int i = 0; i < 10; ++i) {
          run.execute();
          for (const float y : run.output("y").span<float>()) ASSERT_EQ(y, 1.5f * (2 * static_cast<float>(round) + 1));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(prepared_tiles - before, kOnce);
  }
}

/// A host whose loop turns to another request while it waits: a second Run on the same state, on the same thread.
TEST(PreparedValues, DoNotBlockAHostThatNestsRequests) {
  struct Host {
    std::shared_ptr<const Executable> executable = model();
    State state = state_with(5);
    int nested = 0;
  } host;
  const auto loop = [](void* context, int64_t count, void (*body)(void*, int64_t), void* data) {
    Host& self = *static_cast<Host*>(context);
    if (self.nested++ == 0) {
      const auto team = serial_team();
      runtime::Run run(self.executable, self.state, *team);
      expect_value(run, 5);
    }
    for (int64_t i = 0; i < count; ++i) body(data, i);
  };
  const auto team = host_team(2, loop, &host);
  runtime::Run run(host.executable, host.state, *team);
  expect_value(run, 5);
  EXPECT_GT(host.nested, 0);
}

int failures_left = 1;
int32_t failing(const SinterArgs* args, int64_t begin, int64_t end) {
  if (failures_left > 0) {
    --failures_left;
    *args->failure = {SINTER_CHECK_FAILED, 0, 1, 2};
    return SINTER_CHECK_FAILED;
  }
  return prepare_kernel(args, begin, end);
}

TEST(PreparedValues, AreComputedAgainAfterAFailure) {
  const auto team = serial_team();
  State state = state_with(3);
  runtime::Run run(model(failing), state, *team);
  run.bind("x", Tensor(DType::kF32, {kSize}));
  EXPECT_THROW(run.execute(), Error);
  EXPECT_EQ(expect_value(run, 3), kOnce);
}

TEST(PreparedValues, CannotBeBoundAndMustBeMade) {
  const auto team = serial_team();
  State state = state_with(3);
  runtime::Run run(model(), state, *team);
  EXPECT_THROW(run.bind("prepared.w", Tensor(DType::kF32, {kSize})), Error);
  ProgramBuilder b("predict");
  b.port("prepared.w", Role::kPrepared, f32(kSize), Access::kRead);
  EXPECT_THROW(b.executable(), InternalError);
}

TEST(PreparedValues, CostNothingWhileNothingChanges) {
  if (kSanitizer) GTEST_SKIP();
  const auto team = serial_team();
  State state = state_with(3);
  runtime::Run run(model(prepare_kernel, true), state, *team);
  run.bind("x", Tensor(DType::kF32, {kSize}));
  run.execute();
  const int64_t before = allocation_count();
  for (int i = 0; i < 100; ++i) run.execute();
  EXPECT_EQ(allocation_count(), before);
}

}  // namespace
}  // namespace sinter::runtime::test
