// Tasks: cheap kernels run together, dear ones are shared out; decided by sizes alone, and one participant keeps to a task from end to end.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "runtime/layout.h"
#include "runtime/programs.h"

namespace sinter::runtime::test {
namespace {

constexpr double kCheap = 0.5e-6, kDear = 50e-6;

struct Given {
  double seconds;
  int64_t tiles = 8;
  std::vector<int32_t> after = {};
};

/// "0-2 3* 4": tasks of one segment, those that are shared with a star.
std::string tasks_of(const std::vector<Given>& given) {
  std::vector<KernelEstimate> estimates;
  std::vector<std::vector<int32_t>> dependencies;
  for (const Given& kernel : given) {
    estimates.push_back({kernel.seconds, kernel.tiles});
    dependencies.push_back(kernel.after);
  }
  std::string text;
  for (const Task& task : plan_tasks({0, static_cast<int32_t>(given.size())}, estimates, dependencies)) {
    text += (text.empty() ? "" : " ") + std::to_string(task.first);
    if (task.count > 1) text += "-" + std::to_string(task.first + task.count - 1);
    if (task.shared) text += "*";
  }
  return text;
}

TEST(Tasks, CheapKernelsAreOne) {
  EXPECT_EQ(tasks_of({}), "");
  EXPECT_EQ(tasks_of({{kCheap}}), "0");
  EXPECT_EQ(tasks_of({{kCheap}, {kCheap}, {kCheap}}), "0-2");
  EXPECT_EQ(tasks_of({{kCheap}, {kCheap}, {kDear}, {kCheap}, {kCheap}}), "0-1 2* 3-4");
  EXPECT_EQ(tasks_of({{kDear}, {kDear}}), "0* 1*");
}

TEST(Tasks, OneTileIsNotShared) {
  EXPECT_EQ(tasks_of({{kDear, 1}, {kDear, 0}, {kDear, 2}}), "0 1 2*");
  // A cheap kernel that only waits for it goes with it; another may run beside.
  EXPECT_EQ(tasks_of({{kDear, 1}, {kCheap, 8, {0}}, {kCheap, 8, {1}}}), "0-2");
  EXPECT_EQ(tasks_of({{kDear, 1}, {kCheap}, {kCheap}}), "0 1-2");
}

TEST(Tasks, IndependentOnesComeInPortionsAndChainsAreWhole) {
  std::vector<Given> side_by_side(200, {kCheap}), chain(200, {kCheap});
  for (int32_t k = 1; k < 200; ++k) chain[static_cast<size_t>(k)].after = {k - 1};
  EXPECT_EQ(tasks_of(chain), "0-199");
  const std::string portions = tasks_of(side_by_side);
  EXPECT_GE(std::count(portions.begin(), portions.end(), ' '), 3);
  EXPECT_LE(std::count(portions.begin(), portions.end(), ' '), 20);
}

/// Who ran which kernels.
struct Witness {
  std::mutex mutex;
  std::vector<std::set<std::thread::id>> threads;
  std::atomic<int64_t> calls{0};
} witness;

/// Dims: its number, milliseconds to stay.
int32_t be_seen(const SinterArgs* args, int64_t, int64_t) {
  ++witness.calls;
  {
    const std::lock_guard lock(witness.mutex);
    witness.threads[static_cast<size_t>(args->dims[0])].insert(std::this_thread::get_id());
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(args->dims[1]));
  return SINTER_OK;
}

TEST(Tasks, OneParticipantRunsACheapRun) {
  constexpr int kKernels = 20;
  ProgramBuilder b;
  const int32_t x = b.port("x", Role::kState, f32(64));
  for (int k = 0; k < kKernels; ++k) b.kernel(be_seen, "be_seen", {updates(x)}, {k, 0}, 64, 1);
  // Dear ones at the end, so that others come: each tile takes a millisecond.
  for (int k = 0; k < 3; ++k) b.kernel(be_seen, "be_seen", {updates(x)}, {kKernels, 1}, 64, int64_t{1} << 30);
  const auto executable = b.executable();
  for (const int size : {1, 2, 3}) {
    const auto team = thread_team(size);
    State state = state_for(executable->program(), 64);
    runtime::Run run(executable, state, *team);
    witness.threads.assign(kKernels + 1, {});
    witness.calls = 0;
    run.execute();
    for (int k = 0; k < kKernels; ++k) EXPECT_EQ(witness.threads[static_cast<size_t>(k)], witness.threads[0]) << k;
    EXPECT_EQ(witness.threads[0].size(), 1u);
    EXPECT_EQ(witness.threads[kKernels].size(), static_cast<size_t>(size));
    if (size > 1) EXPECT_LT(witness.calls, kKernels + 3 * 64);  // a cheap kernel is called once, for all its tiles
  }
}

TEST(Tasks, EstimatesFollowSizes) {
  ProgramBuilder b;
  b.symbol("n");
  const Dim n = Dim::symbol("n");
  const int32_t x = b.port("x", Role::kInput, f32(n)), z = b.port("z", Role::kOutput, f32(n));
  b.kernel(saxpy, "saxpy", {reads(x), reads(x), writes(z)}, {n}, tiles_of(n), 0).bytes = 12 * n;
  const auto executable = b.executable();
  const Layout small(*executable, {{"n", 1000}}), large(*executable, {{"n", 1000000}});
  EXPECT_FALSE(is_shared(small.estimates()[0]));
  EXPECT_FALSE(small.is_shared(0));
  EXPECT_TRUE(is_shared(large.estimates()[0]));
  EXPECT_TRUE(large.is_shared(0));
  ProgramKernel endless;
  endless.flops = n * n * n;
  EXPECT_GE(estimated_seconds(endless, {{"n", int64_t{1} << 40}}), 1);
}

/// Failures in a task of several kernels are those of a serial run.
TEST(Tasks, FailuresInsideAreTheSame) {
  ProgramBuilder b;
  b.symbol("n");
  const Dim n = Dim::symbol("n");
  const int32_t x = b.port("x", Role::kInput, f32(n)), y = b.port("y", Role::kInput, f32(n));
  const int32_t z = b.port("z", Role::kOutput, f32(n)), v = b.port("v", Role::kOutput, f32(n)), u = b.port("u", Role::kOutput, f32(n));
  b.kernel(saxpy, "saxpy", {reads(x), reads(x), writes(u)}, {n}, tiles_of(n));
  b.kernel(copy_positive, "copy_positive", {reads(x), writes(z)}, {n}, tiles_of(n), 1);
  b.kernel(copy_positive, "copy_positive", {reads(y), writes(v)}, {n}, tiles_of(n), 1);
  b.kernel(saxpy, "saxpy", {reads(z), reads(x), updates(u)}, {n}, tiles_of(n));
  const auto executable = b.executable();
  Tensor bad_x = numbers(1000, 7), bad_y = numbers(1000, 8);
  bad_x.set(501, -1);
  bad_y.set(3, -1);
  for (const int size : {1, 2, 3}) {
    const auto team = thread_team(size);
    State state;
    runtime::Run run(executable, state, *team);
    const auto place_of_failure = [&](const Tensor& first, const Tensor& second) {
      run.bind("x", first);
      run.bind("y", second);
      try {
        run.execute();
      } catch (const Error& error) {
        return std::string(error.what());
      }
      return std::string();
    };
    for (int round = 0; round < 20; ++round) {
      const std::string first = place_of_failure(bad_x, bad_y), second = place_of_failure(numbers(1000, 7), bad_y);
      EXPECT_NE(first.find("node1"), std::string::npos) << first;
      EXPECT_NE(second.find("node2"), std::string::npos) << second;
      EXPECT_EQ(place_of_failure(numbers(1000, 7), numbers(1000, 8)), "");
    }
  }
}

}  // namespace
}  // namespace sinter::runtime::test
