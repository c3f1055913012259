// Layout: live buffers never overlap, `shares` is honoured, arenas are no larger than with first fit, memory freed last is taken
// first; and programs compute the same whatever memory is reused, by Run with every team and by sinter_plan_run.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "runtime/kernel/plan.h"
#include "runtime/plan_image.h"
#include "runtime/programs.h"
#include "runtime/random_program.h"

namespace sinter::runtime::test {
namespace {

struct Placed {
  std::vector<int64_t> offsets;
  int64_t arena = 0;
  int32_t code = 0;
};

Placed place(const std::vector<int64_t>& image, const std::vector<int64_t>& symbols) {
  Placed placed;
  placed.offsets.resize(static_cast<size_t>(image[SINTER_PLAN_BUFFERS]));
  std::vector<int64_t> work(static_cast<size_t>(sinter_plan_work_words(image.data())));
  placed.code = sinter_plan_layout(image.data(), symbols.data(), work.data(), placed.offsets.data(), &placed.arena);
  return placed;
}

/// A program of temporaries alone, with the given lifetimes and bytes; kernels use nothing.
struct Lifetime {
  int32_t first, last;
  int64_t bytes;
  int32_t shares = -1;
};
Program temporaries(const std::vector<Lifetime>& lifetimes, int32_t kernels) {
  Program program;
  for (const Lifetime& life : lifetimes)
    program.buffers.push_back({{DType::kU8, Shape{life.bytes}}, BufferKind::kArena, -1, life.first, life.last, life.shares, "t"});
  program.kernels.resize(static_cast<size_t>(kernels));
  program.segments = {{0, kernels}};
  return program;
}

/// The arena when each, in the order of first kernels, gets the lowest offset that is free; every offset is tried.
int64_t first_fit(const std::vector<Lifetime>& lifetimes, const std::vector<size_t>& roots) {
  struct Block {
    int32_t first, last;
    int64_t size, begin = -1;
  };
  std::map<size_t, Block> blocks;
  for (size_t i = 0; i < lifetimes.size(); ++i) {
    Block& block = blocks.try_emplace(roots[i], Block{lifetimes[i].first, 0, 64}).first->second;
    block.last = std::max(block.last, lifetimes[i].last);
    block.size = std::max(block.size, (lifetimes[i].bytes + 63) / 64 * 64);
  }
  std::vector<Block*> order;
  for (auto& [root, block] : blocks) order.push_back(&block);
  std::stable_sort(order.begin(), order.end(), [](const Block* a, const Block* b) { return a->first < b->first; });
  int64_t arena = 0;
  for (Block* block : order) {
    const auto meets = [&](const Block* other) {
      return other->begin >= 0 && other->last >= block->first && other->begin < block->begin + block->size && block->begin < other->begin + other->size;
    };
    int64_t at = 0;
    for (block->begin = 0; std::any_of(order.begin(), order.end(), [&](const Block* other) { return other != block && meets(other); });) block->begin = at += 64;
    arena = std::max(arena, block->begin + block->size);
  }
  return arena;
}

TEST(Layout, FirstFit) {
  const Program program = temporaries({{0, 1, 100}, {0, 3, 64}, {1, 2, 1}, {2, 3, 100}, {3, 3, 0}, {3, 3, 300}}, 4);
  const Placed placed = place(plan_image(program), {});
  ASSERT_EQ(placed.code, SINTER_OK);
  // 0: bytes 0-127, 1: 128-191, 2: after both; 3 where 0 was; 4, empty, takes 64 bytes where 2 was; 5 at the end.
  EXPECT_EQ(placed.offsets, (std::vector<int64_t>{0, 128, 192, 0, 192, 256}));
  EXPECT_EQ(placed.arena, 256 + 320);
}

TEST(Layout, MemoryFreedLastIsTakenFirst) {
  // 0 dies at once, 1 and 2 one after the other, 3 stays. The next takes the memory of 2, the one after it that of 1, then comes that of 0.
  const Program chain = temporaries({{0, 0, 64}, {0, 1, 64}, {0, 2, 64}, {0, 9, 64}, {3, 9, 64}, {4, 9, 64}, {5, 9, 64}}, 10);
  EXPECT_EQ(place(plan_image(chain), {}).offsets, (std::vector<int64_t>{0, 64, 128, 192, 128, 64, 0}));
  // Ping and pong: never further away than the two that are in use.
  std::vector<Lifetime> lifetimes;
  for (int32_t k = 0; k < 20; ++k) lifetimes.push_back({k, k + 1, 640});
  EXPECT_EQ(place(plan_image(temporaries(lifetimes, 21)), {}).arena, 2 * 640);
}

TEST(Layout, WarmMemoryNeverCostsRoom) {
  // In the memory of 1, the last that was freed, 2 would leave no room for 3 beside it: first fit places both.
  const Program program = temporaries({{0, 0, 128}, {0, 1, 128}, {2, 9, 64}, {3, 9, 192}}, 10);
  const Placed placed = place(plan_image(program), {});
  EXPECT_EQ(placed.arena, 256);
  EXPECT_EQ(placed.offsets, (std::vector<int64_t>{0, 128, 0, 64}));
}

TEST(Layout, GapsBetweenBlocksAreFilled) {
  const Program program = temporaries({{0, 9, 64}, {0, 0, 128}, {0, 9, 64}, {1, 9, 65}, {2, 9, 64}, {0, 0, 64}}, 10);
  const Placed placed = place(plan_image(program), {});
  EXPECT_EQ(placed.offsets, (std::vector<int64_t>{0, 64, 192, 64, 256, 256}));
  EXPECT_EQ(placed.arena, 320);
}

TEST(Layout, SharedMemoryLivesAsLongAsItsLastOwner) {
  // 1 takes over 0, 2 takes over 1 and is larger; 3 must not come between.
  const Program program = temporaries({{0, 1, 64}, {1, 2, 64, 0}, {2, 4, 200, 1}, {3, 3, 64}, {5, 5, 64}}, 6);
  const Placed placed = place(plan_image(program), {});
  EXPECT_EQ(placed.offsets, (std::vector<int64_t>{0, 0, 0, 256, 0}));
}

TEST(Layout, RandomLifetimesNeverOverlap) {
  RandomSequence random(3, 3);
  for (int round = 0; round < 300; ++round) {
    const int32_t kernels = 1 + static_cast<int32_t>(random.below(30));
    std::vector<Lifetime> lifetimes;
    std::vector<bool> taken;
    const uint32_t count = random.below(60);
    for (uint32_t i = 0; i < count; ++i) {
      Lifetime life;
      life.first = static_cast<int32_t>(random.below(static_cast<uint32_t>(kernels)));
      life.last = life.first + static_cast<int32_t>(random.below(static_cast<uint32_t>(kernels - life.first)));
      life.bytes = random.below(5) == 0 ? 0 : random.below(2000);
      taken.push_back(false);
      for (uint32_t j = 0; j < i && random.below(2) == 0 && life.shares < 0; ++j)
        if (!taken[j] && lifetimes[j].last <= life.first) {
          life.shares = static_cast<int32_t>(j);
          taken[j] = true;
        }
      lifetimes.push_back(life);
    }
    const Program program = temporaries(lifetimes, kernels);
    const std::vector<int64_t> image = plan_image(program);
    const Placed placed = place(image, {});
    ASSERT_EQ(placed.code, SINTER_OK);
    int64_t end = 0;
    std::vector<size_t> roots;
    for (size_t a = 0; a < lifetimes.size(); ++a) {
      roots.push_back(lifetimes[a].shares < 0 ? a : roots[static_cast<size_t>(lifetimes[a].shares)]);
      ASSERT_EQ(placed.offsets[a] % 64, 0);
      const int64_t size_a = std::max<int64_t>(lifetimes[a].bytes, 64);
      end = std::max(end, placed.offsets[a] + size_a);
      if (lifetimes[a].shares >= 0) ASSERT_EQ(placed.offsets[a], placed.offsets[static_cast<size_t>(lifetimes[a].shares)]);
      for (size_t b = 0; b < a; ++b) {
        if (roots[a] == roots[b]) continue;  // may meet in one kernel
        if (lifetimes[a].last < lifetimes[b].first || lifetimes[b].last < lifetimes[a].first) continue;
        const int64_t size_b = std::max<int64_t>(lifetimes[b].bytes, 64);
        ASSERT_TRUE(placed.offsets[a] >= placed.offsets[b] + size_b || placed.offsets[b] >= placed.offsets[a] + size_a)
            << "round " << round << ": buffers " << b << " and " << a;
      }
    }
    ASSERT_LE(placed.arena, first_fit(lifetimes, roots));
    ASSERT_LE(end, placed.arena);
    ASSERT_LT(placed.arena, end + 64);
    ASSERT_EQ(place(image, {}).offsets, placed.offsets);
  }
}

TEST(Layout, DimCodeAgreesWithDims) {
  const Dim a = Dim::symbol("a"), b = Dim::symbol("b");
  const std::vector<Dim> dims = {0, 7, -3, a, 2 * a + 3 * b - 5, a * b * b - a, floor_div(a - 9, 4), mod(a - 9, 4), mod(a, 5 - b), min(a, 2 * b) + max(a, b),
                                 ceil_div(a * b, 64), floor_div(mod(a + b, 7) * 3, 2) * min(a, floor_div(b, 3))};
  Program program;
  program.symbols = {"a", "b"};
  program.kernels.resize(1);
  program.kernels[0].dims = dims;
  program.segments = {{0, 1}};
  const std::vector<int64_t> image = plan_image(program);
  const int64_t* kernel = &image[static_cast<size_t>(image[SINTER_PLAN_KERNELS_AT])];
  for (const int64_t va : {0, 1, 8, 9, 1000}) {
    for (const int64_t vb : {0, 1, 3, 64}) {
      const int64_t symbols[] = {va, vb};
      for (size_t i = 0; i < dims.size(); ++i) {
        int64_t value = 0;
        ASSERT_EQ(sinter_plan_evaluate(image.data(), image[static_cast<size_t>(kernel[SINTER_KERNEL_DIMS_AT]) + i], symbols, &value), SINTER_OK);
        EXPECT_EQ(value, dims[i].evaluate({{"a", va}, {"b", vb}})) << dims[i].to_string();
      }
    }
  }
}

TEST(Layout, ImpossibleSizesAreCodes) {
  const Dim n = Dim::symbol("n");
  const auto code = [](const Dim& size, int64_t value) {
    Program program = temporaries({{0, 0, 0}}, 1);
    program.symbols = {"n"};
    program.buffers[0].type.shape = Shape{size};
    return place(plan_image(program), {value}).code;
  };
  EXPECT_EQ(code(n, 1000), SINTER_OK);
  EXPECT_EQ(code(n, -1), SINTER_PLAN_SIZE);
  EXPECT_EQ(code(n - 5, 4), SINTER_PLAN_SIZE);
  EXPECT_EQ(code(n, INT64_MAX), SINTER_PLAN_SIZE);
  EXPECT_EQ(code(n * n, int64_t{1} << 40), SINTER_PLAN_ARITHMETIC);
  EXPECT_EQ(code(floor_div(100, n), 0), SINTER_PLAN_ARITHMETIC);
  EXPECT_EQ(code(mod(100, n), 0), SINTER_PLAN_ARITHMETIC);
}

Tensor words(int64_t n, uint32_t seed) {
  Tensor x(DType::kU32, {n});
  for (int64_t i = 0; i < n; ++i) x.data<uint32_t>()[i] = random_word(seed, 5, 0, i);
  return x;
}

TEST(Layout, RandomProgramsComputeTheSameWithEveryTeam) {
  std::vector<std::unique_ptr<Team>> teams;
  teams.push_back(serial_team());
  teams.push_back(thread_team(2));
  teams.push_back(thread_team(5));
  for (uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    const RandomProgram program = random_program(seed, 5 + static_cast<int>(seed) * 2, seed % 3 == 0 ? 0.8 : 0.1);
    for (const auto& team : teams) {
      State state;
      runtime::Run run(program.executable, state, *team);
      for (const int64_t n : {300, 0, 1, 64, 1000}) {
        const Tensor x = words(n, seed);
        const std::vector<std::vector<uint32_t>> expected = program.expected(x);
        run.bind("x", x);
        for (int round = 0; round < 4; ++round) {
          run.execute();
          for (size_t i = 0; i < expected.size(); ++i) {
            const Tensor& out = run.output("out" + std::to_string(i));
            ASSERT_TRUE(std::equal(expected[i].begin(), expected[i].end(), out.data<uint32_t>(), out.data<uint32_t>() + out.size()))
                << "output " << i << ", n = " << n << ", team of " << team->size();
          }
        }
      }
    }
  }
}

TEST(Layout, PlanRunComputesTheSame) {
  for (uint32_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    const RandomProgram random = random_program(seed, 20, 0.3);
    const Program& program = random.executable->program();
    const std::vector<int64_t>& image = random.executable->plan();
    ASSERT_EQ(kernel_table(program), std::vector<std::string>{"mix"});
    const SinterKernel kernels[] = {random.executable->kernel(0)};
    for (const int64_t n : {0, 100}) {
      Tensor x = words(n, seed);
      const std::vector<std::vector<uint32_t>> expected = random.expected(x);
      std::vector<std::vector<uint32_t>> outputs = expected;
      std::vector<void*> variables = {x.raw()};
      for (std::vector<uint32_t>& output : outputs) {
        std::fill(output.begin(), output.end(), 0u);
        variables.push_back(output.data());
      }
      std::vector<int64_t> work(static_cast<size_t>(sinter_plan_work_words(image.data()) + image[SINTER_PLAN_BUFFERS]));
      const int64_t bytes = sinter_plan_workspace_bytes(image.data(), &n, work.data());
      ASSERT_GT(bytes, 0);
      std::vector<char> workspace(static_cast<size_t>(bytes) + 1, 0x55);
      SinterFailure failure;
      ASSERT_EQ(sinter_plan_run(image.data(), kernels, variables.data(), nullptr, &n, workspace.data() + 1, bytes, &failure), SINTER_OK);
      EXPECT_EQ(outputs, expected);
      EXPECT_EQ(sinter_plan_run(image.data(), kernels, variables.data(), nullptr, &n, workspace.data(), bytes - 1, &failure), SINTER_PLAN_WORKSPACE);
      EXPECT_EQ(sinter_plan_run(image.data(), kernels, variables.data(), nullptr, &n, workspace.data(), 0, &failure), SINTER_PLAN_WORKSPACE);
    }
  }
}

/// Sizes of ports count like those of temporaries: a program may have ports alone.
TEST(Layout, PlanRefusesImpossibleSizesOfPorts) {
  ProgramBuilder b;
  b.symbol("n");
  const Dim n = Dim::symbol("n");
  const int32_t x = b.port("x", Role::kInput, f32(n)), z = b.port("z", Role::kOutput, f32(n));
  b.kernel(copy_positive, "copy_positive", {reads(x), writes(z)}, {n}, 1);
  const std::vector<int64_t> image = plan_image(b.program());
  std::vector<int64_t> work(static_cast<size_t>(3 * image[SINTER_PLAN_BUFFERS]));
  const auto bytes = [&](int64_t symbol) { return sinter_plan_workspace_bytes(image.data(), &symbol, work.data()); };
  EXPECT_GT(bytes(0), 0);
  EXPECT_GT(bytes(1000), 0);
  for (const int64_t impossible : {int64_t{-1}, int64_t{1} << 45, int64_t{1} << 62, INT64_MAX}) EXPECT_EQ(bytes(impossible), -SINTER_PLAN_SIZE) << impossible;
}

TEST(Layout, PlanRunReportsFailures) {
  ProgramBuilder b;
  const int32_t x = b.port("x", Role::kInput, f32(200)), z = b.port("z", Role::kOutput, f32(200));
  b.kernel(copy_positive, "copy_positive", {reads(x), writes(z)}, {100}, 2);
  b.kernel(copy_positive, "copy_positive", {reads(x), writes(z)}, {200}, 4);
  const std::vector<int64_t> image = plan_image(b.program());
  Tensor values = numbers(200, 1), out = numbers(200, 1);
  values.set(150, -1);
  void* variables[] = {values.raw(), out.raw()};
  const SinterKernel kernels[] = {copy_positive};
  std::vector<int64_t> work(static_cast<size_t>(3 * image[SINTER_PLAN_BUFFERS]));
  const int64_t bytes = sinter_plan_workspace_bytes(image.data(), nullptr, work.data());
  std::vector<char> workspace(static_cast<size_t>(bytes));
  SinterFailure failure;
  EXPECT_EQ(sinter_plan_run(image.data(), kernels, variables, nullptr, nullptr, workspace.data(), bytes, &failure), SINTER_INDEX_OUT_OF_RANGE);
  EXPECT_EQ(failure.code, SINTER_INDEX_OUT_OF_RANGE);
  EXPECT_EQ(failure.site, 1);  // counts through the program: the second kernel's only one
  EXPECT_EQ(failure.value, 150);
  EXPECT_EQ(failure.limit, 200);
}

}  // namespace
}  // namespace sinter::runtime::test
