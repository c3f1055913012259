// An object of a model with loops and a choice, run from plain C.
#include <gtest/gtest.h>

#include "tools/command.h"

namespace sinter::test {
namespace {

constexpr const char* kModel = R"(sinter 1
model m(x: f32[n, 3], h0: f32[3]) -> y, h, rounds {
    h = h0 + 0
    scan row in x {
        h = h * 0.5 + row
        if sum(row) > 0 {
            y = h * 2
        } else {
            y = -h
        }
    }
    rounds = full([], 0, f32)
    while sum(abs(h)) > 1 {
        h = h * 0.5
        rounds = rounds + 1
    }
}
)";

constexpr const char* kProgram = R"(
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "m.h"

static int differ(float a, float b) { return fabsf(a - b) > 1e-5f * (1 + fabsf(b)); }

int main(void) {
  int n, i, t, bad = 0;
  for (n = 0; n < 6; ++n) {
    float x[6 * 3], h0[3] = {1, 2, 3}, y[6 * 3], h[3], rounds = -1, e[3] = {1, 2, 3}, count = 0;
    int64_t bytes = m_predict_workspace_bytes(n);
    char* workspace = (char*)malloc((size_t)bytes);
    SinterFailure failure;
    for (i = 0; i < 18; ++i) x[i] = (float)((i * 7) % 11) - 5;
    if (m_predict(0, n, x, h0, y, h, &rounds, workspace, bytes, &failure) != 0) return printf("a code\n"), 1;
    for (t = 0; t < n; ++t) {
      float sum = x[t * 3] + x[t * 3 + 1] + x[t * 3 + 2];
      for (i = 0; i < 3; ++i) {
        e[i] = e[i] * 0.5f + x[t * 3 + i];
        bad += differ(y[t * 3 + i], sum > 0 ? e[i] * 2 : -e[i]);
      }
    }
    while (fabsf(e[0]) + fabsf(e[1]) + fabsf(e[2]) > 1) {
      for (i = 0; i < 3; ++i) e[i] *= 0.5f;
      count += 1;
    }
    for (i = 0; i < 3; ++i) bad += differ(h[i], e[i]);
    bad += rounds != count;
    if (bad) return printf("wrong at n = %d\n", n), 1;
    free(workspace);
  }
  return 0;
}
)";

TEST(ControlObject, RunsFromC) {
  const Folder folder;
  folder.write("m.sinter", kModel);
  folder.write("main.c", kProgram);
  for (const std::string target : {"v2", "v3", "v4"}) {
    const Outcome built = folder.run("sinter compile m.sinter --emit=object -o m.o --header m.h --target " + target);
    ASSERT_EQ(built.status, 0) << built.error;
    const Outcome compiled = folder.run("cc -std=c11 -D_XOPEN_SOURCE=700 -Wall -Wextra -Werror -I. main.c m.o -lm -o main");
    ASSERT_EQ(compiled.status, 0) << compiled.error << folder.read("m.h");
    if (folder.run("grep -q avx512f /proc/cpuinfo").status != 0 && target == "v4") continue;
    const Outcome ran = folder.run("./main");
    EXPECT_EQ(ran.status, 0) << target << ": " << ran.out << ran.error;
  }
}

TEST(ControlObject, ShowsItsSteps) {
  const Folder folder;
  folder.write("m.sinter", kModel);
  const Outcome plan = folder.run("sinter compile m.sinter --emit=plan");
  EXPECT_NE(plan.out.find("loop 0 begins: n rows"), std::string::npos) << plan.out << plan.error;
  EXPECT_NE(plan.out.find("unless buffer"), std::string::npos) << plan.out;
  EXPECT_NE(plan.out.find("in loop 0"), std::string::npos) << plan.out;
}

}  // namespace
}  // namespace sinter::test
