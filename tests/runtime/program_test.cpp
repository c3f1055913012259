// Programs as bytes, their rules, and the order of kernels.
#include <gtest/gtest.h>

#include "base/random.h"
#include "runtime/check_program.h"
#include "runtime/programs.h"
#include "runtime/random_program.h"

namespace sinter::runtime::test {
namespace {

/// Every kind of field in use.
Program sample() {
  ProgramBuilder b("step");
  b.symbol("batch");
  b.symbol("seq");
  const Dim batch = Dim::symbol("batch"), seq = Dim::symbol("seq");
  const int32_t x = b.port("x", Role::kInput, {DType::kF32, Shape{batch, seq, 32}});
  const int32_t w = b.port("h1.weight", Role::kParameter, {DType::kF64, Shape{32, 10}});
  const int32_t step = b.port("train.step", Role::kState, {DType::kU32, Shape{}});
  const int32_t y = b.port("y", Role::kOutput, {DType::kI64, Shape{floor_div(batch * seq + 3, 4), min(batch, 7)}});
  const int32_t c = b.constant(Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6}));
  const int32_t flags = b.constant(Tensor::of<bool>({0}, {}));
  const int32_t t = b.temporary("h1", {DType::kF32, Shape{batch * batch * seq - seq, mod(seq, 5)}});
  b.kernel(nothing, "k0", {reads(x), reads(c), writes(t)}, {batch, max(seq, 2 * batch) - 1}, ceil_div(batch, 14));
  b.end_segment();
  const int32_t u = b.temporary("h2", {DType::kF32, Shape{1}}, t);
  b.kernel(nothing, "k1", {reads(t), reads(w), updates(w), writes(u), reads(flags)}, {}, 3);
  b.kernel(nothing, "k1", {reads(u), writes(y), updates(step)}, {seq}, batch);
  Program program = b.program();
  program.target = TargetLevel::kV4;
  program.kernels[0].contents = "dot_general h1, relu h1";
  return program;
}

TEST(Program, BytesComeBack) {
  const Program program = sample();
  ASSERT_EQ(check_program(program), std::nullopt);
  const std::string bytes = encode(program);
  const Program back = decode(bytes);
  EXPECT_EQ(encode(back), bytes);
  EXPECT_EQ(back.function, "step");
  EXPECT_EQ(back.target, TargetLevel::kV4);
  EXPECT_EQ(back.symbols, program.symbols);
  ASSERT_EQ(back.ports.size(), program.ports.size());
  for (size_t i = 0; i < back.ports.size(); ++i) {
    EXPECT_EQ(back.ports[i].name, program.ports[i].name);
    EXPECT_EQ(back.ports[i].role, program.ports[i].role);
    EXPECT_EQ(back.ports[i].type, program.ports[i].type);
    EXPECT_EQ(back.ports[i].written, program.ports[i].written);
  }
  for (size_t b = 0; b < back.buffers.size(); ++b) {
    EXPECT_EQ(back.buffers[b].type, program.buffers[b].type);
    EXPECT_EQ(back.buffers[b].shares, program.buffers[b].shares);
  }
  for (size_t k = 0; k < back.kernels.size(); ++k) {
    EXPECT_EQ(back.kernels[k].dims, program.kernels[k].dims);
    EXPECT_EQ(back.kernels[k].tiles, program.kernels[k].tiles);
    EXPECT_EQ(back.kernels[k].after, program.kernels[k].after);
    EXPECT_EQ(back.kernels[k].failure_sites, program.kernels[k].failure_sites);
  }
  ASSERT_EQ(back.constants.size(), 2u);
  EXPECT_TRUE(same_bits(back.constants[0], program.constants[0]));
  EXPECT_EQ(back.find_port("h1.weight"), 1);
  EXPECT_EQ(back.find_port("h1"), -1);
}

TEST(Program, EveryPrefixIsAnError) {
  const std::string bytes = encode(sample());
  for (size_t size = 0; size < bytes.size(); ++size) EXPECT_THROW(decode(std::string_view(bytes).substr(0, size)), Error) << size;
  EXPECT_THROW(decode(bytes + "x"), Error);
}

/// Whether a program that came out of mutated bytes can be used for everything that needs no sizes.
void use(const Program& program) {
  EXPECT_EQ(encode(decode(encode(program))), encode(program));
  std::vector<SinterKernel> code(program.kernels.size(), nothing);
  try {
    const Executable executable(program, code, nullptr);
  } catch (const Error&) {
    // a dim nested too deeply, a number of elements beyond 64 bits
  }
}

TEST(Program, MutatedBytesGiveErrorsOrPrograms) {
  const std::string bytes = encode(sample());
  RandomSequence random(11, 0);
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string mutated = bytes;
    const uint32_t changes = 1 + random.below(3);
    for (uint32_t c = 0; c < changes; ++c) {
      char& byte = mutated[random.below(static_cast<uint32_t>(mutated.size()))];
      switch (random.below(4)) {
        case 0: byte = static_cast<char>(random.below(256)); break;
        case 1: byte ^= static_cast<char>(1u << random.below(8)); break;
        case 2: byte = static_cast<char>(byte + 1); break;
        default: byte = static_cast<char>(random.below(2) == 0 ? 0x7f : 0xff);
      }
    }
    if (random.below(8) == 0) mutated.erase(random.below(static_cast<uint32_t>(mutated.size())), 1 + random.below(16));
    try {
      use(decode(mutated));
      ++accepted;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kData) << error.what();
    }
  }
  EXPECT_GT(accepted, 100);  // names and the like may be anything
  EXPECT_LT(accepted, 15000);
}

TEST(Program, RulesAreChecked) {
  const auto broken = [](auto&& change) {
    Program program = sample();
    change(program);
    return check_program(program).value_or("").substr(0, 2);
  };
  using P = Program&;
  EXPECT_EQ(broken([](P) {}), "");
  EXPECT_EQ(broken([](P p) { p.symbols[1] = "batch"; }), "P1");
  EXPECT_EQ(broken([](P p) { p.symbols.pop_back(); }), "P1");
  EXPECT_EQ(broken([](P p) { p.kernels[2].flops = Dim::symbol("other"); }), "P1");
  EXPECT_EQ(broken([](P p) { p.ports[1].name = "x"; }), "P2");
  EXPECT_EQ(broken([](P p) { p.ports[0].role = Role::kConstant; }), "P2");
  EXPECT_EQ(broken([](P p) { p.buffers[0].index = 4; }), "P3");
  EXPECT_EQ(broken([](P p) { p.buffers[0].index = 1; }), "P3");
  EXPECT_EQ(broken([](P p) { p.constants.pop_back(); }), "P3");
  EXPECT_EQ(broken([](P p) { p.constants[0] = Tensor::of<float>({1}, {1}); }), "P3");
  EXPECT_EQ(broken([](P p) { p.buffers[7].last_kernel = 3; }), "P4");
  EXPECT_EQ(broken([](P p) { p.buffers[6].first_kernel = 1; }), "P4");
  EXPECT_EQ(broken([](P p) { p.buffers[7].shares = 7; }), "P5");
  EXPECT_EQ(broken([](P p) { p.buffers[7].shares = 0; }), "P5");
  EXPECT_EQ(broken([](P p) { p.buffers[6].last_kernel = 2; }), "P5");
  EXPECT_EQ(broken([](P p) { p.buffers.push_back(p.buffers[7]); }), "P5");
  EXPECT_EQ(broken([](P p) { p.kernels[0].buffers[0].buffer = 99; }), "P6");
  EXPECT_EQ(broken([](P p) { p.kernels[0].buffers[0].access = Access::kWrite; }), "P6");
  EXPECT_EQ(broken([](P p) { p.kernels[0].buffers[1].access = Access::kReadWrite; }), "P6");
  EXPECT_EQ(broken([](P p) { p.kernels[2].after = {2}; }), "P6");
  EXPECT_EQ(broken([](P p) { p.kernels[1].after = {0}; }), "P6");  // of the segment before
  EXPECT_EQ(broken([](P p) { p.segments[1].count = 1; }), "P7");
  EXPECT_EQ(broken([](P p) { p.segments[0].count = 2; }), "P7");
  EXPECT_EQ(broken([](P p) { p.kernels[0].scratch_bytes = -1; }), "P8");
}

TEST(Program, ExecutableRefusesBrokenPrograms) {
  Program program = sample();
  EXPECT_THROW(Executable(program, {nothing, nothing}, nullptr), InternalError);
  EXPECT_THROW(Executable(program, {nothing, nothing, nullptr}, nullptr), InternalError);
  program.segments.clear();
  EXPECT_THROW(Executable(program, {nothing, nothing, nothing}, nullptr), InternalError);
}

TEST(Order, HazardsAreOrderedAndNothingElse) {
  ProgramBuilder b;
  const int32_t x = b.port("x", Role::kInput, f32(1)), w = b.port("w", Role::kParameter, f32(1));
  const int32_t a = b.temporary("a", f32(1)), c = b.temporary("c", f32(1));
  b.kernel(nothing, "k", {reads(x), writes(a)}, {}, 1);              // 0
  b.kernel(nothing, "k", {reads(x), writes(c)}, {}, 1);              // 1
  b.kernel(nothing, "k", {reads(a), reads(w)}, {}, 1);               // 2: after 0
  b.kernel(nothing, "k", {reads(a), reads(c), reads(w)}, {}, 1);     // 3: after 0, 1
  b.kernel(nothing, "k", {updates(w)}, {}, 1);                       // 4: after its readers 2, 3
  const int32_t d = b.temporary("d", f32(1), a);
  b.kernel(nothing, "k", {reads(a), writes(d), reads(w)}, {}, 1);    // 5: in place, after the readers of a; 4 implies them
  b.end_segment();
  b.kernel(nothing, "k", {reads(d)}, {}, 1);                         // 6: another segment
  const Program program = b.program();
  const std::vector<std::vector<int32_t>> expected = {{}, {}, {0}, {0, 1}, {2, 3}, {4}, {}};
  for (size_t k = 0; k < expected.size(); ++k) EXPECT_EQ(program.kernels[k].after, expected[k]) << k;
}

}  // namespace
}  // namespace sinter::runtime::test
