// The plan checker: accepts what the runtime lays out, and rejects each of many seeded corruptions of it.
#include "runtime/check_plan.h"

#include <gtest/gtest.h>

#include <functional>

#include "runtime/programs.h"
#include "runtime/random_program.h"

namespace sinter::runtime::test {
namespace {

// Buffers of the program below.
enum : int32_t { kX, kOldWeight, kNewWeight, kTable, kA, kInPlace, kB, kSum, kC, kOut };

/// Two segments; an update in place in the arena (kInPlace takes over kA) and one of a parameter; kC reuses memory that they leave, and
/// nothing but that orders its kernel.
Program make_program() {
  Program program;
  program.function = "test";
  program.symbols = {"n"};
  const TensorType type = f32(Dim::symbol("n"));
  program.ports = {
      {"x", Role::kInput, type, true, false}, {"weight", Role::kParameter, type, true, true}, {"out", Role::kOutput, type, false, true}};
  program.constants = {Tensor(DType::kF32, {1000})};
  const auto temporary = [&](const char* name, int32_t first, int32_t last, int32_t shares = -1) {
    return PlannedBuffer{type, BufferKind::kArena, -1, first, last, shares, name};
  };
  program.buffers = {{type, BufferKind::kVariable, 0, 0, 0, -1, "x"},
                     {type, BufferKind::kVariable, 1, 0, 0, -1, "weight"},
                     {type, BufferKind::kVariable, 1, 0, 0, -1, "weight"},
                     {{DType::kF32, Shape{1000}}, BufferKind::kConstant, 0, 0, 0, -1, "table"},
                     temporary("a", 0, 1),
                     temporary("in_place", 1, 3, kA),
                     temporary("b", 2, 3),
                     temporary("sum", 3, 5),  // longer than it is read, so that what c reuses is older
                     temporary("c", 5, 6),
                     {type, BufferKind::kVariable, 2, 0, 0, -1, "out"}};
  const auto kernel = [&](std::vector<KernelBuffer> buffers) {
    ProgramKernel entry;
    entry.name = "k" + std::to_string(program.kernels.size());
    entry.buffers = std::move(buffers);
    program.kernels.push_back(std::move(entry));
  };
  kernel({reads(kX), reads(kTable), writes(kA)});
  kernel({reads(kA), writes(kInPlace)});
  kernel({reads(kX), writes(kB)});
  kernel({reads(kInPlace), reads(kB), writes(kSum)});
  kernel({reads(kOldWeight), reads(kSum), writes(kNewWeight)});
  kernel({reads(kX), writes(kC)});
  kernel({reads(kC), reads(kNewWeight), writes(kOut)});
  program.segments = {{0, 6}, {6, 1}};
  order_kernels(program);
  return program;
}

LaidOutPlan lay_out(const Program& program, const SymbolValues& symbols) {
  const Executable executable(program, std::vector<SinterKernel>(program.kernels.size(), nothing), nullptr);
  return laid_out_plan(program, Layout(executable, symbols));
}

/// Takes the dependency of `later` on `earlier` away, whatever it follows from.
void forget(LaidOutPlan& plan, size_t later, int32_t earlier) { std::erase(plan.after[later], earlier); }

struct Corruption {
  const char* name;
  const char* rule;
  std::function<void(Program&, LaidOutPlan&)> make;
};

const Corruption kCorruptions[] = {
    {"an offset off its alignment", "M1: buffer 6 (b) lies at", [](Program&, LaidOutPlan& l) { l.offsets[kB] += 4; }},
    {"a negative offset", "M1: buffer 4 (a) lies at -64", [](Program&, LaidOutPlan& l) { l.offsets[kA] = -64; }},
    {"an offset near the end of the arena", "M1: buffer 8 (c) ends beyond",
     [](Program&, LaidOutPlan& l) { l.offsets[kC] = l.arena_bytes - 64; }},
    {"a smaller arena", "ends beyond the arena", [](Program&, LaidOutPlan& l) { l.arena_bytes -= 64; }},
    {"an offset for a variable", "M1: buffer 0 (x) is not of the arena", [](Program&, LaidOutPlan& l) { l.offsets[kX] = 0; }},
    {"the offsets of another program", "M1: the plan is of another", [](Program&, LaidOutPlan& l) { l.offsets.pop_back(); }},
    {"a taker-over that lies elsewhere", "M2: buffer 5 (in_place)", [](Program&, LaidOutPlan& l) { l.offsets[kInPlace] = l.offsets[kB]; }},
    {"two live buffers at one place", "M3: buffer 5 (in_place) and buffer 6 (b)",
     [](Program&, LaidOutPlan& l) { l.offsets[kB] = l.offsets[kA]; }},
    {"two live buffers that overlap in part", "M3: buffer 6 (b) and buffer 7 (sum)",
     [](Program&, LaidOutPlan& l) { l.offsets[kSum] = l.offsets[kB] < l.offsets[kSum] ? l.offsets[kSum] - 64 : l.offsets[kSum] + 64; }},
    {"offsets exchanged", "M3: buffer 5 (in_place) and buffer 7 (sum)",
     [](Program&, LaidOutPlan& l) {
       std::swap(l.offsets[kSum], l.offsets[kC]);
       l.offsets[kC] = l.offsets[kSum];
     }},
    {"sizes of another batch", "M1: buffer 6 (b) ends beyond",
     [](Program& p, LaidOutPlan&) {
       for (PlannedBuffer& b : p.buffers)
         if (b.kind == BufferKind::kArena) b.type.shape = Shape{Dim::symbol("n") * Dim(3)};
     }},
    {"memory taken over without saying so", "M3: buffer 4 (a) and buffer 5",
     [](Program& p, LaidOutPlan&) { p.buffers[kInPlace].shares = -1; }},
    {"memory taken over from a buffer in use", "P5",
     [](Program& p, LaidOutPlan&) {
       p.buffers[kSum].shares = kInPlace;
       p.buffers[kInPlace].last_kernel = 4;
     }},
    {"a life cut short", "P4", [](Program& p, LaidOutPlan&) { p.buffers[kSum].last_kernel = 3; }},
    {"a life begun late", "P4", [](Program& p, LaidOutPlan&) { p.buffers[kSum].first_kernel = 4; }},
    {"a dependency on data dropped", "M4: kernel 3 (k3) does not come after kernel 2", [](Program&, LaidOutPlan& l) { forget(l, 3, 2); }},
    {"a dependency in place dropped", "M4: kernel 1 (k1) does not come after kernel 0", [](Program&, LaidOutPlan& l) { forget(l, 1, 0); }},
    {"a dependency on reused memory dropped", "M4: kernel 5 (k5) does not come after kernel 3 (k3); both touch buffer 8 (c)",
     [](Program&, LaidOutPlan& l) { forget(l, 5, 3); }},
    {"no dependencies at all", "M4: kernel 1", [](Program&, LaidOutPlan& l) { l.after.assign(l.after.size(), {}); }},
    {"a dependency on a later kernel", "M4: kernel 2 (k2) comes after a kernel that is not before it",
     [](Program&, LaidOutPlan& l) { l.after[2] = {3}; }},
    {"a dependency of the program on a later kernel", "P6", [](Program& p, LaidOutPlan&) { p.kernels[2].after = {3}; }},
    {"a write called a read", "M5: kernel 0 (k0) reads buffer 4 (a), which nobody has written",
     [](Program& p, LaidOutPlan&) { p.kernels[0].buffers[2].access = Access::kRead; }},
    {"a write called a read and a write", "M5: kernel 2 (k2) reads buffer 6",
     [](Program& p, LaidOutPlan&) { p.kernels[2].buffers[1].access = Access::kReadWrite; }},
    {"a read called a write", "P6", [](Program& p, LaidOutPlan&) { p.kernels[5].buffers[0].access = Access::kWrite; }},
    {"a constant written", "P6", [](Program& p, LaidOutPlan&) { p.kernels[0].buffers[1].access = Access::kWrite; }},
    {"the buffer of another value", "P4", [](Program& p, LaidOutPlan&) { p.kernels[0].buffers[2].buffer = kSum; }},
    {"a buffer that is not there", "P6", [](Program& p, LaidOutPlan&) { p.kernels[0].buffers[2].buffer = 10; }},
    {"an operand that is not written yet", "M5: kernel 2 (k2) reads buffer 6",
     [](Program& p, LaidOutPlan&) {
       p.kernels[2].buffers.push_back(reads(kB));
       p.kernels[2].buffers.erase(p.kernels[2].buffers.begin() + 1);
     }},
    {"an update that is missing", "M5: kernel 6 (k6) reads buffer 2 (weight)",
     [](Program& p, LaidOutPlan&) {
       p.ports[1].read = false;
       p.kernels[4].buffers.clear();
     }},
    {"a writer that is missing", "M6: port out", [](Program& p, LaidOutPlan&) { p.kernels[6].buffers.pop_back(); }},
    {"the old weight after its update", "M5: kernel 6 (k6) reads buffer 1 (weight) after kernel 4",
     [](Program& p, LaidOutPlan&) { p.kernels[6].buffers[1].buffer = kOldWeight; }},
    {"an input that does not come in", "M5: kernel 0 (k0) reads buffer 0 (x), which nobody",
     [](Program& p, LaidOutPlan&) { p.ports[0].read = false; }},
    {"an output written over an operand", "M7: kernel 3 (k3) writes buffer 7 (sum) over buffer 7",
     [](Program& p, LaidOutPlan&) { p.kernels[3].buffers.push_back(reads(kSum)); }},
    {"two kernels exchanged", "P4", [](Program& p, LaidOutPlan&) { std::swap(p.kernels[0].buffers, p.kernels[1].buffers); }},
    {"kernels of two segments exchanged", "M5: kernel 5 (k5) reads buffer 8",
     [](Program& p, LaidOutPlan&) { std::swap(p.kernels[5].buffers, p.kernels[6].buffers); }},
};

TEST(CheckPlan, AcceptsWhatTheRuntimeLaysOut) {
  const Program program = make_program();
  for (const int64_t n : {1000, 1, 17, 0}) EXPECT_EQ(check_plan(program, lay_out(program, {{"n", n}}), {{"n", n}}), std::nullopt) << n;
}

TEST(CheckPlan, RejectsSeededCorruptions) {
  const SymbolValues symbols{{"n", 1000}};
  for (const Corruption& corruption : kCorruptions) {
    Program program = make_program();
    LaidOutPlan plan = lay_out(program, symbols);
    ASSERT_EQ(plan.offsets[kA], plan.offsets[kInPlace]);
    ASSERT_EQ(plan.offsets[kC], plan.offsets[kA]) << "the program does not reuse memory";
    corruption.make(program, plan);
    const auto broken = check_plan(program, plan, symbols);
    EXPECT_TRUE(broken && broken->find(corruption.rule) != std::string::npos)
        << corruption.name << ": " << broken.value_or("nothing is noticed");
  }
  EXPECT_GE(std::size(kCorruptions), 20u);
}

TEST(CheckPlan, AcceptsRandomProgramsAtManySizes) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    const RandomProgram random = random_program(seed, 5 + static_cast<int>(seed), 0.1 * (seed % 8));
    for (const int64_t n : {0, 1, 100, 1000}) {
      const SymbolValues symbols{{"n", n}};
      const Program& program = random.executable->program();
      EXPECT_EQ(check_plan(program, laid_out_plan(program, Layout(*random.executable, symbols)), symbols), std::nullopt)
          << "seed " << seed << ", n = " << n;
    }
  }
}

/// Both touch elements of one buffer, and one of them writes.
bool share_data(const Program& program, size_t a, size_t b, const SymbolValues& symbols) {
  for (const KernelBuffer& x : program.kernels[a].buffers)
    for (const KernelBuffer& y : program.kernels[b].buffers) {
      const bool writes = x.access != Access::kRead || y.access != Access::kRead;
      if (x.buffer == y.buffer && writes && program.buffers[static_cast<size_t>(x.buffer)].type.shape.element_count().evaluate(symbols) > 0)
        return true;
    }
  return false;
}

TEST(CheckPlan, NoticesEveryDroppedDependency) {
  int dropped = 0;
  for (uint32_t seed = 0; seed < 20; ++seed) {
    const RandomProgram random = random_program(seed, 25, 0.3);
    const Program& program = random.executable->program();
    const SymbolValues symbols{{"n", 100}};
    const LaidOutPlan plan = laid_out_plan(program, Layout(*random.executable, symbols));
    for (size_t k = 0; k < program.kernels.size(); ++k) {
      for (const int32_t earlier : plan.after[k]) {
        LaidOutPlan broken = plan;
        forget(broken, k, earlier);
        const bool implied = std::any_of(broken.after[k].begin(), broken.after[k].end(), [&](int32_t other) { return other > earlier; });
        if (implied || !share_data(program, k, static_cast<size_t>(earlier), symbols)) continue;
        EXPECT_NE(check_plan(program, broken, symbols), std::nullopt) << "seed " << seed << ", kernel " << k << " after " << earlier;
        ++dropped;
      }
    }
  }
  EXPECT_GT(dropped, 100);
}

}  // namespace
}  // namespace sinter::runtime::test
