// Each rule of the loop language, broken on purpose: the verifier names rule, kernel and statement, and the parser the place.
#include <gtest/gtest.h>

#include "backend/loop/text.h"
#include "backend/loop/verify.h"
#include "backend/support/loop_kernels.h"

namespace sinter::test {
namespace {

/// `{statement}` in a kernel with one of everything in scope: dim n, buffers, a let, an accumulator, a serial and a vector loop.
std::string kernel_with(const std::string& statement) {
  return "loops 1\nkernel probe {\n    dims n\n    tiles n\n    failure_sites 1\n"
         "    read r: f32[n, 2]\n    read q: i32[n]\n    write w: f32[n]\n    readwrite u: f32[n]\n    write h: bool[n]\n    scratch s: "
         "f32[8]\n"
         "    let x: f32 = 1.0: f32\n    var a: f32 = 0.0: f32\n    var flag: bool = true\n"
         "    for i in n {\n        for j in n vector 4 {\n            let y: f32 = r[j, 0]\n            checked c < n site 0 = q[j]\n     "
         "       "
         "var p: f32 = y\n            update a add y\n"
         "            " +
         statement + "\n        }\n    }\n    store u[tile] = a\n}\n";
}

/// Outside the loops.
std::string kernel_then(const std::string& statement) { return edited(kernel_with("update p add x"), "store u[tile] = a", statement); }

struct Case {
  const char* rule;
  std::string text;
};

std::vector<Case> broken_kernels() {
  return {
      {"L1", kernel_then("let n: f32 = x")},
      {"L1", kernel_then("let tile: f32 = x")},
      {"L1", kernel_then("let j: f32 = x")},
      {"L1", kernel_then("let nan: f32 = x")},
      {"L1", kernel_then("for x in n { }")},
      {"L1", kernel_then("checked i < n site 0 = q[tile]")},
      {"L1", edited(kernel_then(""), "dims n", "dims n, n")},
      {"L1", edited(kernel_then(""), "dims n", "dims n, tile")},
      {"L1", edited(kernel_then(""), "write h", "write r")},
      {"L2", edited(kernel_then(""), "write h: bool[n]\n    scratch s: f32[8]", "scratch s: f32[8]\n    write h: bool[n]")},
      {"L2", edited(kernel_then(""), "scratch s: f32[8]", "scratch s: f32[n]")},
      {"L2", edited(kernel_then(""), "scratch s: f32[8]", "scratch s: f32[2147483648]")},
      {"L2", edited(kernel_then(""), "scratch s: f32[8]", "scratch s: f32[-8]")},
      {"L3", edited(kernel_then(""), "read q: i32[n]", "read q: i32[tile]")},
      {"L3", edited(kernel_then(""), "tiles n", "tiles tile")},
      {"L3", kernel_then("store u[i] = x")},
      {"L3", kernel_then("store u[c] = x")},
      {"L3", kernel_then("store u[other] = x")},
      {"L3", kernel_then("if 0 <= tile < other { }")},
      {"L4", kernel_then("update b add x")},
      {"L4", kernel_then("update x add x")},
      {"L4", kernel_then("assign x = x")},
      {"L4", kernel_then("assign p = x")},
      {"L5", kernel_then("update flag or x")},
      {"L5", kernel_then("assign a = true")},
      {"L5", kernel_then("store u[tile] = true")},
      {"L5", kernel_then("store u[tile] = exp(1: i32)")},
      {"L5", kernel_then("store h[tile] = add(true, flag)")},
      {"L5", kernel_then("store h[tile] = is_nan(1: i64)")},
      {"L5", kernel_then("store u[tile] = cast(300: i8, f32)")},
      {"L5", kernel_then("store u[tile] = cast(-1: u16, f32)")},
      {"L5", kernel_then("store h[tile] = bitcast(1: u8, bool)")},
      {"L5", kernel_then("store u[tile] = cast(random_bits(1: i32, 1: u32, 1: u32, 1: i64), f32)")},
      {"L5", kernel_then("let z: f32 = guarded(0 <= tile < n; x, 1.0: f64)")},
      {"L6", kernel_then("store r[tile, 0] = x")},
      {"L6", kernel_then("store u[tile, 0] = x")},
      {"L6", kernel_then("store u[] = x")},
      {"L6", kernel_then("prefetch u[]")},
      {"L3", kernel_then("prefetch u[nowhere]")},
      {"L6", kernel_then("store u[tile] = r[tile]")},
      {"L7", kernel_then("for k in n unrolled { }")},
      {"L7", kernel_then("for k in 65 unrolled { }")},
      {"L7", kernel_then("for k in n vector 3 { }")},
      {"L7", kernel_then("for k in n vector 128 { }")},
      {"L7", kernel_then("for k in n vector 0 { }")},
      {"L7", kernel_with("for k in n vector 2 { }")},
      {"L7", kernel_with("for m in n { for k in n vector 2 { } }")},
      {"L8", kernel_with("for k in j { }")},
      {"L8", kernel_with("for k in c { }")},
      {"L8", kernel_with("for k in min(n, j + 1) { }")},
      {"L8", kernel_with("if 0 <= j < n { }")},
      {"L8", kernel_with("if 0 <= n < c { }")},
      {"L8", kernel_with("checked d < j site 0 = q[0]")},
      {"L8", kernel_with("store u[i] = y")},
      {"L8", kernel_with("store s[0] = 1.0: f32")},
      {"L8", kernel_with("let z: u32 = random_bits(cast(q[j], u32), 0: u32, 0: u32, index(j))")},
      {"L8", kernel_with("let z: u32 = random_bits(0: u32, cast(y, u32), 0: u32, index(j))")},
      {"L8",
       kernel_with("contract w(offset 0, row_stride 1) { a r(offset 0, stride 1, depth_stride 1, batch_stride 0) "
                   "b u(offset 0, stride 1, depth_stride 1, batch_stride 0) rows 1 at most 1 columns 1 at most 1 depth 1 batches 1 }")},
      {"L9", kernel_with("let z: f32 = a")},
      {"L9", kernel_with("store w[j] = add(a, y)")},
      {"L9", kernel_with("update a maximum y")},
      {"L9", kernel_with("assign a = y")},
      {"L9", kernel_with("assign flag = true")},
      {"L9", kernel_then("update a subtract x")},
      {"L9", kernel_then("update a and x")},
      {"L9", kernel_then("update flag add flag")},
      {"L10", kernel_then("checked e < n site 1 = q[tile]")},
      {"L10", kernel_then("checked e < n site 0 = x")},
      {"L10", kernel_then("checked e < n site 0 = flag")},
  };
}

const char* const kContract =
    "contract w(offset 0, row_stride 2) {\n    a r(offset 0, stride 2, depth_stride 1, batch_stride 0)\n"
    "    b u(offset 0, stride 1, depth_stride 2, batch_stride 0)\n    rows 2 at most 4\n    columns 2 at most 8\n    depth n\n    batches "
    "1\n}";

std::vector<Case> broken_contracts() {
  const std::string text = kernel_then(kContract);
  return {{"L6", edited(edited(text, "contract w(", "contract v("), "write w", "read v: f32[n]\n    write w")},
          {"L11", edited(text, "contract w(", "contract u(")},
          {"L11", edited(text, "a r(", "a w(")},
          {"L11", edited(text, "a r(", "a q(")},
          {"L11", edited(text, "b u(", "b h(")},
          {"L11", edited(text, "b u(offset 0, stride 1", "b u(offset 0, stride 2")},
          {"L11", edited(text, "rows 2 at most 4", "rows 5 at most 4")},
          {"L11", edited(text, "columns 2 at most 8", "columns 9 at most 8")},
          {"L11", edited(text, "columns 2 at most 8", "columns n at most 0")},
          {"L11", edited(text, "rows 2 at most 4", "rows n at most 0")},
          {"L11", edited(edited(text, "row_stride 2) {", "row_stride 2) spread {"), "a r(offset 0, stride 2", "a r(offset 0, stride n")},
          {"L11", edited(edited(text, "row_stride 2) {", "row_stride 2) spread {"), "a r(offset 0, stride 2", "a r(offset 0, stride 1")},
          {"L3", edited(text, "rows 2 at most 4", "ahead u(offset m, depth_stride 1) rows 2 at most 4")},
          {"L3", edited(text, "rows 2 at most 4", "ahead u(offset 0, depth_stride i) rows 2 at most 4")},
          {"L3", edited(text, "depth n", "depth m")},
          {"L3", edited(text, "depth_stride 2", "depth_stride i")}};
}

std::vector<Case> broken_contracts_of_words() {
  const std::string& text = loop_kernels()[9];
  return {{"L11", edited(text, "write c: f32", "write c: f64")},
          {"L11", edited(text, "write y: i32", "write y: f32")},
          {"L11", edited(text, "read b: u32", "read b: u16")},
          {"L11", edited(text, "read x: i8", "read x: i16")},
          {"L11", edited(text, "read x: i8", "read x: u8")},
          {"L11", edited(text, "a a(offset 0, stride 3, depth_stride 1", "a a(offset 0, stride 1, depth_stride 3")}};
}

const char* const kTranspose =
    "transpose w(offset 0, row_stride 2) {\n    from u(offset 0, column_stride 3)\n    rows n\n    columns 2 filled 4\n}";

std::vector<Case> broken_transposes() {
  const std::string text = kernel_then(kTranspose);
  return {{"L8", kernel_with(kTranspose)},
          {"L6", edited(edited(text, "transpose w(", "transpose v("), "write w", "read v: f32[n]\n    write w")},
          {"L12", edited(text, "transpose w(", "transpose u(")},
          {"L12", edited(text, "from u(", "from q(")},
          {"L12", edited(text, "columns 2 filled 4", "columns 5 filled 4")},
          {"L3", edited(text, "rows n\n    columns", "rows m\n    columns")},
          {"L3", edited(text, "column_stride 3", "column_stride i")}};
}

TEST(LoopVerify, TheUnbrokenKernelsHold) {
  EXPECT_NO_THROW(loop::parse_kernel(kernel_then(kTranspose)));
  EXPECT_NO_THROW(loop::parse_kernel(kernel_with("store w[c] = add(p, x)")));
  EXPECT_NO_THROW(loop::parse_kernel(kernel_then("update flag and greater(a, x)")));
  EXPECT_NO_THROW(loop::parse_kernel(kernel_then(kContract)));
  for (const std::string& text : loop_kernels()) EXPECT_NO_THROW(verify(loop::parse_kernel(text)));
}

TEST(LoopVerify, BrokenRulesAreNamedWithTheirPlace) {
  std::vector<Case> cases = broken_kernels();
  for (Case& one : broken_contracts()) cases.push_back(std::move(one));
  for (Case& one : broken_contracts_of_words()) cases.push_back(std::move(one));
  for (Case& one : broken_transposes()) cases.push_back(std::move(one));
  for (const Case& one : cases) {
    try {
      loop::parse_kernel(one.text);
      ADD_FAILURE() << one.rule << " is not enforced:\n" << one.text;
    } catch (const Error& error) {
      // What the parser needs to know itself (names and dtypes) it says without the rule.
      const bool by_parser = error.rule().empty() && (std::string(one.rule) == "L4" || std::string(one.rule) == "L5");
      EXPECT_TRUE(error.rule() == one.rule || by_parser) << error.what() << "\n" << one.rule << "\n" << one.text;
      EXPECT_GT(error.place().line, 0);
    }
  }
}

void expect_broken(const loop::Kernel& kernel, const std::string& rule, const std::string& statement) {
  try {
    verify(kernel);
    ADD_FAILURE() << rule << " is not enforced:\n" << print(kernel);
  } catch (const InternalError& error) {
    for (const std::string& part : {"kernel probe: ", rule.c_str(), statement.c_str()})
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << part << "\n" << error.what();
  }
}

/// What a text cannot say.
TEST(LoopVerify, BrokenDataIsTheCompilersFault) {
  const loop::Kernel good = loop::parse_kernel(kernel_then("store u[tile] = add(x, a)"));
  const auto with = [&](loop::ExpressionRef value) {
    loop::Kernel kernel = good;
    std::get<loop::Store>(kernel.body.back().node).value = std::move(value);
    return kernel;
  };
  const std::string statement = "store u[tile] = ";
  expect_broken(with(nullptr), "L5", statement + "?");
  expect_broken(with(loop::named("a", DType::kF64)), "L5", statement + "a");
  expect_broken(with(loop::named("y", DType::kF32)), "L4", statement + "y");
  expect_broken(with(loop::load(99, DType::kF32, {0})), "L6", statement + "?[0]");
  expect_broken(with(loop::load(2, DType::kF64, {0})), "L5", statement + "w[0]");
  loop::Expression sum = *loop::apply(ScalarOp::kAdd, {loop::named("x", DType::kF32), loop::named("x", DType::kF32)});
  sum.arguments.pop_back();
  expect_broken(with(std::make_shared<const loop::Expression>(sum)), "L5", statement + "add(x)");
  sum.arguments = {loop::named("x", DType::kF32), nullptr};
  expect_broken(with(std::make_shared<const loop::Expression>(sum)), "L5", statement + "add(x, ?)");
  sum.arguments[1] = sum.arguments[0];
  sum.dtype = DType::kF64;
  expect_broken(with(std::make_shared<const loop::Expression>(sum)), "L5", statement + "add(x, x)");
  loop::Kernel wrong = good;
  std::get<loop::Store>(wrong.body.back().node).buffer = -1;
  expect_broken(wrong, "L6", "store ?[tile]");
  wrong = good;
  std::get<loop::For>(wrong.body[3].node).lanes = 4;
  expect_broken(wrong, "L7", "for i in n");
  wrong = good;
  wrong.body.push_back({loop::If{{}, {}, {}}});
  expect_broken(wrong, "L5", "if ");
  wrong = good;
  wrong.buffers[1].name = "b 1";
  expect_broken(wrong, "L1", "buffer b 1");
  wrong = good;
  wrong.failure_sites = -1;
  expect_broken(wrong, "L10", "failure sites");
}

TEST(LoopVerify, SharedExpressionsAreCheckedOnce) {
  loop::ExpressionRef x = loop::named("x", DType::kF32);
  for (int i = 0; i < 64; ++i) x = loop::apply(ScalarOp::kAdd, {x, x});
  loop::Kernel kernel = loop::parse_kernel(kernel_then("store u[tile] = x"));
  std::get<loop::Store>(kernel.body.back().node).value = x;
  EXPECT_NO_THROW(verify(kernel));
}

}  // namespace
}  // namespace sinter::test
