// Programs with choices and loops: what the checks accept, and seeded corruptions of their steps, rows and lifetimes.
#include <gtest/gtest.h>

#include <functional>

#include "runtime/check_plan.h"
#include "runtime/check_program.h"
#include "runtime/programs.h"

namespace sinter::runtime::test {
namespace {

enum : int32_t { kX, kFlag, kOut, kCarried, kRow, kStack, kStackRow, kLocal, kKept, kSide };

/// k0 makes what goes round and k1 what the loop reads of outside; k2 and k3 are a round, a choice by data inside it is k4 or k5; k6 reads what
/// was stacked, after k7.
Program make_program() {
  Program program;
  program.function = "test";
  program.symbols = {"n"};
  const Dim n = Dim::symbol("n");
  const TensorType rows{DType::kF32, Shape{n, 100}}, row{DType::kF32, Shape{100}}, flag{DType::kBool, {}};
  program.ports = {{"x", Role::kInput, rows, true, false}, {"flag", Role::kInput, flag, true, false}, {"out", Role::kOutput, row, false, true}};
  const auto temporary = [&](const char* name, const TensorType& type, int32_t first, int32_t last) {
    return PlannedBuffer{type, BufferKind::kArena, -1, first, last, -1, name};
  };
  program.buffers = {{rows, BufferKind::kVariable, 0, 0, 0, -1, "x"},
                     {flag, BufferKind::kVariable, 1, 0, 0, -1, "flag"},
                     {row, BufferKind::kVariable, 2, 0, 0, -1, "out"},
                     temporary("carried", row, 0, 6),
                     {row, BufferKind::kRow, kX, 0, 0, -1, "x", 0},
                     temporary("stack", rows, 2, 6),
                     {row, BufferKind::kRow, kStack, 0, 0, -1, "stack", 0},
                     temporary("local", row, 2, 3),
                     temporary("kept", row, 1, 5),
                     temporary("side", row, 4, 5)};
  const auto kernel = [&](std::vector<KernelBuffer> buffers) {
    ProgramKernel entry;
    entry.name = "k" + std::to_string(program.kernels.size());
    entry.buffers = std::move(buffers);
    program.kernels.push_back(std::move(entry));
  };
  kernel({writes(kCarried)});
  kernel({writes(kKept)});
  kernel({reads(kRow), reads(kKept), writes(kLocal)});
  kernel({reads(kLocal), updates(kCarried), writes(kStackRow)});
  kernel({reads(kKept), writes(kSide)});
  kernel({reads(kCarried), writes(kSide)});
  kernel({reads(kStack), reads(kCarried), writes(kOut)});
  using Kind = Step::Kind;
  program.segments = {{0, 2}, {2, 2}, {4, 1}, {5, 1}, {6, 1}};
  program.loops = {{n, false}};
  program.steps = {{Kind::kRun, 0, 0},  {Kind::kBegin, 0, 8}, {Kind::kRun, 1, 0}, {Kind::kUnless, kFlag, 6}, {Kind::kRun, 2, 0},
                   {Kind::kJump, 0, 7}, {Kind::kRun, 3, 0},   {Kind::kNext, 0, 2}, {Kind::kRun, 4, 0}};
  order_kernels(program);
  return program;
}

std::optional<std::string> broken(const Program& program) {
  if (auto rule = check_program(program)) return rule;
  const SymbolValues symbols{{"n", 5}};
  const Executable executable(program, std::vector<SinterKernel>(program.kernels.size(), nothing), nullptr);
  return check_plan(program, laid_out_plan(program, Layout(executable, symbols)), symbols);
}

struct Corruption {
  const char* name;
  const char* rule;
  std::function<void(Program&)> make;
};

const Corruption kCorruptions[] = {
    {"a life that ends in the middle of a loop", "P10: buffer 8", [](Program& p) { p.buffers[kKept].last_kernel = 4; }},
    {"a carried value that ends before the loop", "P4", [](Program& p) { p.buffers[kCarried].last_kernel = 4; }},
    {"memory taken over by what a round makes", "P10: buffer 8", [](Program& p) {
       p.buffers[kSide].first_kernel = 5;
       p.buffers[kSide].shares = kKept;
       p.kernels[4].buffers.pop_back();
     }},
    {"a row of another loop", "P3: buffer 4", [](Program& p) { p.buffers[kRow].loop = 1; }},
    {"a row of a later buffer", "P3: buffer 4", [](Program& p) { p.buffers[kRow].index = kStack; }},
    {"a row of another size", "P3: buffer 6", [](Program& p) { p.buffers[kStackRow].type.shape = Shape{99}; }},
    {"a row after the loop", "P9: kernel 6", [](Program& p) { p.kernels[6].buffers[0].buffer = kStackRow; }},
    {"a loop of another length", "P3: buffer 4", [](Program& p) { p.loops[0].length = 7; }},
    {"a length over an unknown symbol", "P1: loop 0", [](Program& p) {
       p.loops[0].length = Dim::symbol("m");
       p.buffers.erase(p.buffers.begin() + kRow);
       p.buffers.insert(p.buffers.begin() + kRow, p.buffers[kKept]);
       p.kernels[2].buffers.erase(p.kernels[2].buffers.begin());
       p.buffers[kStackRow] = p.buffers[kStack];
     }},
    {"a segment that is left out", "P9", [](Program& p) { p.steps.pop_back(); }},
    {"a segment that runs twice", "P9", [](Program& p) { p.steps[8].subject = 3; }},
    {"a segment that is none", "P9", [](Program& p) { p.steps[8].subject = 5; }},
    {"a loop that does not end", "P9: step 1", [](Program& p) { p.steps[1].target = 7; }},
    {"a loop that begins again", "P9", [](Program& p) { p.steps[7].target = 1; }},
    {"a jump into a loop", "P9", [](Program& p) { p.steps[0] = {Step::Kind::kJump, 0, 3}; }},
    {"a jump out of a loop", "P9", [](Program& p) { p.steps[5].target = 8; }},
    {"a choice that leaves its loop", "P9", [](Program& p) { p.steps[3].target = 9; }},
    {"a jump beyond the end", "P9", [](Program& p) { p.steps[5].target = 100; }},
    {"a negative jump", "P9", [](Program& p) { p.steps[3].target = -5; }},
    {"a predicate that is no bool", "P9: buffer 3", [](Program& p) { p.steps[3].subject = kCarried; }},
    {"a predicate that is no buffer", "P9: step 3", [](Program& p) { p.steps[3].subject = 40; }},
    {"a value made on one way only", "M8: kernel 6", [](Program& p) {
       p.kernels[6].buffers.push_back(reads(kSide));
       p.buffers[kSide].last_kernel = 6;
       p.kernels[5].buffers.pop_back();
     }},
    {"a value of a loop that may have no rows", "M8: kernel 6", [](Program& p) {
       p.kernels[6].buffers.push_back(reads(kLocal));
       p.buffers[kLocal].last_kernel = 6;
     }},
    {"a value read before its round makes it", "M8: kernel 2", [](Program& p) {
       p.kernels[2].buffers.push_back(reads(kSide));
       p.buffers[kSide].first_kernel = 2;
     }},
    {"what goes round never begins", "M8", [](Program& p) { p.kernels[0].buffers.clear(); }},
};

TEST(CheckSteps, AcceptsTheProgram) { EXPECT_EQ(broken(make_program()), std::nullopt); }

TEST(CheckSteps, RejectsSeededCorruptions) {
  for (const Corruption& corruption : kCorruptions) {
    Program program = make_program();
    corruption.make(program);
    order_kernels(program);
    const auto rule = broken(program);
    EXPECT_TRUE(rule && rule->find(corruption.rule) != std::string::npos) << corruption.name << ": " << rule.value_or("nothing is noticed");
  }
}

TEST(CheckSteps, ReadsBackWhatItWrites) {
  const std::string bytes = encode(make_program());
  const Program back = decode(bytes);
  EXPECT_EQ(encode(back), bytes);
  EXPECT_EQ(back.steps.size(), 9u);
  for (size_t size = 0; size < bytes.size(); ++size) EXPECT_THROW(decode(std::string_view(bytes).substr(0, size)), Error);
}

/// Each byte changed in turn: refused, or a program that the checks accept.
TEST(CheckSteps, DecodesNoBrokenProgram) {
  const std::string bytes = encode(make_program());
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] + 1);
    try {
      EXPECT_EQ(check_program(decode(damaged)), std::nullopt);
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace sinter::runtime::test
