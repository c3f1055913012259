// Every team gives the bits of the serial one, whoever comes and whenever; nothing waits for a participant that does not come.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "runtime/programs.h"
#include "support/sanitizers.h"

using sinter::test::kThreadSanitizer;
constexpr int kRounds = kThreadSanitizer ? 150 : 1000;

namespace sinter::runtime::test {
namespace {

struct Result {
  Tensor z, sum, w;
};

/// `rounds` executions on one state, sizes changing.
Result run_chains(const std::shared_ptr<const Executable>& executable, Team& team, int rounds, int64_t n) {
  State state = state_for(executable->program(), n);
  runtime::Run run(executable, state, team);
  const Tensor x = numbers(n, 1), y = numbers(n, 2);
  run.bind("x", x);
  run.bind("y", y);
  for (int i = 0; i < rounds; ++i) run.execute();
  return {run.output("z").clone(), run.output("sum").clone(), state.get("w").clone()};
}

void expect_same(const Result& a, const Result& b) {
  EXPECT_TRUE(same_bits(a.z, b.z));
  EXPECT_TRUE(same_bits(a.sum, b.sum));
  EXPECT_TRUE(same_bits(a.w, b.w));
}

void expect_serial_bits(Team& team, int rounds) {
  const auto executable = chains(6);
  const auto serial = serial_team();
  for (const int64_t n : {int64_t{1}, int64_t{3000}}) {
    SCOPED_TRACE(n);
    expect_same(run_chains(executable, *serial, rounds, n), run_chains(executable, team, rounds, n));
  }
}

TEST(Teams, OpenMp) {
  if (kThreadSanitizer) GTEST_SKIP();
  for (const int size : {1, 2, 3, 8}) {
    SCOPED_TRACE(size);
    const auto team = openmp_team(size);
    EXPECT_EQ(team->size(), size);
    expect_serial_bits(*team, kRounds / size);
  }
}

TEST(Teams, Threads) {
  for (const int size : {1, 2, 3, 8}) {
    SCOPED_TRACE(size);
    const auto team = thread_team(size);
    EXPECT_EQ(team->size(), size);
    expect_serial_bits(*team, kRounds / size);
  }
}

TEST(Teams, ThreadsSleepAndWake) {
  const auto team = thread_team(3);
  const auto executable = chains(3);
  const auto serial = serial_team();
  const Result expected = run_chains(executable, *serial, 1, 2000);
  for (int i = 0; i < 50; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(i * 10));  // from spinning to asleep
    expect_same(run_chains(executable, *team, 1, 2000), expected);
  }
}

TEST(Teams, UselessSizesAreErrors) {
  EXPECT_THROW(thread_team(0), Error);
  EXPECT_THROW(openmp_team(-1), Error);
  EXPECT_THROW(host_team(1 << 20, nullptr, nullptr), Error);
}

// The loops of hosts.
using Body = void (*)(void* data, int64_t i);

void host_serial(void*, int64_t count, Body body, void* data) {
  for (int64_t i = 0; i < count; ++i) body(data, i);
}
void host_reverse(void*, int64_t count, Body body, void* data) {
  for (int64_t i = count - 1; i >= 0; --i) body(data, i);
}
void host_first_only(void*, int64_t, Body body, void* data) { body(data, 0); }
void host_last_only(void*, int64_t count, Body body, void* data) { body(data, count - 1); }
void host_none(void*, int64_t, Body, void*) {}
void host_twice(void*, int64_t count, Body body, void* data) {
  for (int64_t i = 0; i < 2 * count; ++i) body(data, i / 2);
}
void host_threads(void*, int64_t count, Body body, void* data) {
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < count; ++i) threads.emplace_back(body, data, i);
  for (std::thread& thread : threads) thread.join();
}
void host_late_threads(void*, int64_t count, Body body, void* data) {
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < count; ++i)
    threads.emplace_back([=] {
      std::this_thread::sleep_for(std::chrono::microseconds(100 * i));
      body(data, i);
    });
  for (std::thread& thread : threads) thread.join();
}
/// Bodies that come after the loop has returned, against the rules.
struct Stragglers {
  std::vector<std::thread> threads;
  ~Stragglers() {
    for (std::thread& thread : threads) thread.join();
  }
};
void host_straggling(void* host, int64_t count, Body body, void* data) {
  for (int64_t i = 1; i < count; ++i)
    static_cast<Stragglers*>(host)->threads.emplace_back([=] {
      std::this_thread::sleep_for(std::chrono::microseconds(50 * i));
      body(data, i);
    });
  body(data, 0);
}

TEST(Teams, Host) {
  for (const auto loop : {host_serial, host_reverse, host_first_only, host_last_only, host_none, host_twice, host_threads, host_late_threads}) {
    for (const int size : {1, 2, 3, 8}) {
      SCOPED_TRACE(size);
      const bool slow = loop == host_threads || loop == host_late_threads;
      const auto team = host_team(size, loop, nullptr);
      EXPECT_EQ(team->size(), size);
      expect_serial_bits(*team, slow ? 20 : kRounds / 4);
    }
  }
}

TEST(Teams, HostWithBodiesAfterTheEnd) {
  std::unique_ptr<Team> team;
  Stragglers stragglers;  // joined before the team goes
  team = host_team(3, host_straggling, &stragglers);
  expect_serial_bits(*team, 20);
  for (std::thread& thread : stragglers.threads) thread.join();
  stragglers.threads.clear();
}

TEST(Teams, HostLoopThatThrows) {
  struct Thrown {};
  const auto team = host_team(2, [](void*, int64_t, Body, void*) { throw Thrown{}; }, nullptr);
  int calls = 0;
  EXPECT_THROW(team->run([](void* context, int) { ++*static_cast<int*>(context); }, &calls), Thrown);
  EXPECT_EQ(calls, 1);
  EXPECT_THROW(team->run([](void* context, int) { ++*static_cast<int*>(context); }, &calls), Thrown);  // not busy for ever
}

/// Several host threads share one team: one has it, the others work alone.
void expect_shared(Team& team) {
  const auto executable = chains(4);
  const auto serial = serial_team();
  const Result expected = run_chains(executable, *serial, kRounds / 10, 1500);
  std::vector<Result> results(4);
  std::vector<std::thread> threads;
  for (Result& result : results) threads.emplace_back([&] { result = run_chains(executable, team, kRounds / 10, 1500); });
  for (std::thread& thread : threads) thread.join();
  for (const Result& result : results) expect_same(result, expected);
}

TEST(Teams, BusyThreads) { expect_shared(*thread_team(3)); }
TEST(Teams, BusyHost) { expect_shared(*host_team(3, host_threads, nullptr)); }
TEST(Teams, BusyOpenMp) {
  if (kThreadSanitizer) GTEST_SKIP();
  expect_shared(*openmp_team(3));
}

/// Participants that are inside at once; the numbers they had.
struct Crowd {
  Team* team;
  std::atomic<int> nested{0}, outer{0};
  std::atomic<uint64_t> numbers{0};
};

void nested_work(void* context, int participant) {
  Crowd& crowd = *static_cast<Crowd*>(context);
  const uint64_t bit = uint64_t{1} << participant;
  EXPECT_EQ(crowd.numbers.fetch_or(bit) & bit, 0u) << "a participant's number was given twice";
  ++crowd.outer;
  crowd.team->run(
      [](void* inner, int number) {
        EXPECT_EQ(number, 0);
        ++static_cast<Crowd*>(inner)->nested;
      },
      &crowd);
}

void expect_nested_alone(Team& team) {
  for (int i = 0; i < 100; ++i) {
    Crowd crowd{&team};
    team.run(nested_work, &crowd);
    EXPECT_GE(crowd.outer, 1);
    EXPECT_EQ(crowd.outer, crowd.nested);
  }
}

TEST(Teams, NestedRunsProceedAlone) {
  expect_nested_alone(*thread_team(3));
  expect_nested_alone(*host_team(3, host_threads, nullptr));
  if (!kThreadSanitizer) expect_nested_alone(*openmp_team(3));
}

/// A kernel that runs a whole program on the team that runs it.
struct Inner {
  std::shared_ptr<const Executable> executable;
  Team* team = nullptr;
  std::atomic<int> differences{0};
  Result expected;
} inner;

int32_t run_inner(const SinterArgs*, int64_t, int64_t) {
  const Result result = run_chains(inner.executable, *inner.team, 2, 700);
  if (!same_bits(result.z, inner.expected.z) || !same_bits(result.w, inner.expected.w)) ++inner.differences;
  return SINTER_OK;
}

TEST(Teams, RunInsideAKernel) {
  const auto serial = serial_team();
  inner.executable = chains(3);
  inner.expected = run_chains(inner.executable, *serial, 2, 700);
  inner.differences = 0;
  ProgramBuilder b;
  for (int i = 0; i < 4; ++i) b.kernel(run_inner, "run_inner", {}, {}, 8);
  const auto outer = b.executable();
  const auto team = thread_team(3);
  inner.team = team.get();
  State state;
  runtime::Run run(outer, state, *team);
  for (int i = 0; i < 10; ++i) run.execute();
  EXPECT_EQ(inner.differences, 0);
}

/// The lowest failure is the one that is raised, for any team.
TEST(Teams, FailuresAreTheSame) {
  ProgramBuilder b;
  b.symbol("n");
  const Dim n = Dim::symbol("n");
  const int32_t x = b.port("x", Role::kInput, f32(n)), y = b.port("y", Role::kInput, f32(n));
  const int32_t z = b.port("z", Role::kOutput, f32(n)), v = b.port("v", Role::kOutput, f32(n));
  const int32_t t = b.temporary("t", f32(n));
  b.kernel(saxpy, "saxpy", {reads(x), reads(x), writes(t)}, {n}, tiles_of(n));
  b.kernel(copy_positive, "copy_positive", {reads(x), writes(z)}, {n}, tiles_of(n));
  b.kernel(copy_positive, "copy_positive", {reads(y), writes(v)}, {n}, tiles_of(n));  // independent of the one before
  b.kernel(saxpy, "saxpy", {reads(z), reads(t), updates(v)}, {n}, tiles_of(n));
  const auto executable = b.executable();

  const int64_t size = 4000;
  const Tensor good = numbers(size, 7);
  Tensor bad_x = good.clone(), bad_y = good.clone();
  for (const int64_t i : {3999, 2001, 1717, 1718}) bad_x.set(i, -1);
  for (const int64_t i : {0, 5, 3000}) bad_y.set(i, -1);

  const auto message = [](runtime::Run& run) -> std::string {
    try {
      run.execute();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCheck);
      return error.place().node + ": " + error.message();
    }
    return "";
  };
  std::vector<std::unique_ptr<Team>> teams;
  teams.push_back(serial_team());
  for (const int participants : {2, 3, 8}) {
    teams.push_back(thread_team(participants));
    teams.push_back(host_team(participants, host_reverse, nullptr));
    if (!kThreadSanitizer) teams.push_back(openmp_team(participants));
  }
  for (const auto& team : teams) {
    State state;
    runtime::Run run(executable, state, *team);
    for (int i = 0; i < 100; ++i) {
      run.bind("x", bad_x);
      run.bind("y", bad_y);
      EXPECT_EQ(message(run), "node1: the index 1717 is outside [0, 4000)");
      run.bind("x", good);
      EXPECT_EQ(message(run), "node2: the index 0 is outside [0, 4000)");
      run.bind("y", good);
      EXPECT_EQ(message(run), "");  // a Run is as good as new after a failure
    }
  }
}

}  // namespace
}  // namespace sinter::runtime::test
