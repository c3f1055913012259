// Prepared values of an object, in plain C: right with and without the call that computes them ahead, and after every way to change the state.
#include <gtest/gtest.h>

#include "tools/command.h"

namespace sinter::test {
namespace {

constexpr const char* kModel = R"(sir 1
module m

variable x: f32[batch, 4] input
variable w: f32[3, 4] parameter
variable b: f32[3] parameter
variable seed: u32[] input
variable y: f32[batch, 3] output

function init {
    %0: u32[] = argument @seed
    %1: f32[] = cast %0 {dtype = f32}
    %2: f32[3, 4] = broadcast %1 {axes = [], shape = shape[3, 4]}
    %3: f32[3] = broadcast %1 {axes = [], shape = shape[3]}
    return @w = %2, @b = %3
}

function predict {
    %0: f32[batch, 4] = argument @x
    %1: f32[3, 4] = argument @w
    %2: f32[3] = argument @b
    %3: f32[3, 4] = add %1, %1
    %4: f32[4, 3] = transpose %3 {permutation = [1, 0]}
    %5: f32[batch, 4] = exp %0
    %6: f32[batch, 4] = multiply %5, %0
    %7: f32[batch, 3] = dot_general %6, %4 {lhs_batch = [], lhs_contract = [1], rhs_batch = [], rhs_contract = [0]}
    %8: f32[3] = exp %2
    %9: f32[batch, 3] = broadcast %8 {axes = [1], shape = shape[batch, 3]}
    %10: f32[batch, 3] = multiply %7, %9
    return @y = %10
}

function step {
    %0: f32[3, 4] = argument @w
    %1: f32[3, 4] = add %0, %0
    return @w = %1
}
)";

constexpr const char* kProgram = R"(
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "m.h"

static void* state;
static char* workspace;
static int64_t bytes;

static int check(const char* what, float w, float b) {
  float x[7 * 4], y[7 * 3];
  SinterFailure failure;
  int i, j;
  for (i = 0; i < 28; ++i) x[i] = (float)i / 28;
  if (m_predict(state, 7, x, y, workspace, bytes, &failure) != 0) return printf("%s: a code\n", what), 1;
  for (i = 0; i < 7; ++i) {
    double sum = 0;
    for (j = 0; j < 4; ++j) sum += exp(x[i * 4 + j]) * x[i * 4 + j] * 2 * w;
    for (j = 0; j < 3; ++j)
      if (fabs(y[i * 3 + j] - sum * exp(b)) > 1e-4 * fabs(sum * exp(b))) return printf("%s: %g instead of %g\n", what, y[i * 3 + j], sum * exp(b)), 1;
  }
  return 0;
}

int main(void) {
  uint32_t seed = 2;
  int i, bad = 0;
  int64_t wanted[4];
  state = aligned_alloc(64, M_STATE_BYTES);
  memset(state, 255, M_STATE_BYTES);
  wanted[0] = m_predict_workspace_bytes(7);
  wanted[1] = m_predict_prepare_workspace_bytes();
  wanted[2] = m_init_workspace_bytes();
  wanted[3] = m_step_workspace_bytes();
  for (i = 0; i < 4; ++i) bytes = wanted[i] > bytes ? wanted[i] : bytes;
  workspace = (char*)malloc((size_t)bytes + 3) + 3; /* may stand anywhere */
  bad += m_init(state, &seed, workspace, bytes, 0);
  bad += check("never prepared", 2, 2);
  bad += m_predict_prepare(state, workspace, bytes, 0);
  bad += check("prepared", 2, 2);
  bad += m_step(state, workspace, bytes, 0);
  bad += check("after a step", 4, 2);
  bad += m_predict_prepare(state, workspace, bytes, 0);
  bad += check("prepared after a step", 4, 2);
  for (i = 0; i < 12; ++i) m_w(state)[i] = 0.5f;
  bad += m_predict_prepare(state, workspace, bytes, 0);
  bad += check("prepared after writing", 0.5f, 2);
  bad += m_init(state, &seed, workspace, bytes, 0);
  bad += check("filled anew", 2, 2);
  bad += m_predict(state, 7, (float*)workspace, (float*)workspace, workspace, 64, 0) != 18;
  return bad;
}
)";

TEST(PreparedObject, IsRightWithAndWithoutPreparing) {
  const Folder folder;
  folder.write("m.sir", kModel);
  folder.write("main.c", kProgram);
  for (const std::string target : {"v2", "v3", "v4"}) {
    const Outcome built = folder.run("sinter compile m.sir --train --emit=object -o m.o --header m.h --target " + target);
    ASSERT_EQ(built.status, 0) << built.error;
    EXPECT_NE(folder.read("m.h").find("m_predict_prepare("), std::string::npos);
    const Outcome compiled = folder.run("cc -std=c11 -D_XOPEN_SOURCE=700 -Wall -Wextra -Werror -I. main.c m.o -lm -o main");
    ASSERT_EQ(compiled.status, 0) << compiled.error;
    if (folder.run("grep -q avx512f /proc/cpuinfo").status != 0 && target == "v4") continue;
    const Outcome ran = folder.run("./main");
    EXPECT_EQ(ran.status, 0) << target << ": " << ran.out << ran.error;
    const Outcome cxx = folder.run("c++ -std=c++11 -Wall -Wextra -Werror -fsyntax-only -x c++ m.h");
    EXPECT_EQ(cxx.status, 0) << cxx.error;
  }
}

TEST(PreparedObject, ShowsWhatIsPreparedAndWhatItTakes) {
  const Folder folder;
  folder.write("m.sir", kModel);
  const Outcome plan = folder.run("sinter compile m.sir --function predict --emit=plan");
  EXPECT_NE(plan.out.find("program m.predict_prepare"), std::string::npos) << plan.out << plan.error;
  EXPECT_NE(plan.out.find("prepared.predict.w"), std::string::npos) << plan.out;
  const Outcome inspected = folder.run("sinter inspect m.sir");
  EXPECT_NE(inspected.out.find("prepared"), std::string::npos) << inspected.out << inspected.error;
}

}  // namespace
}  // namespace sinter::test
