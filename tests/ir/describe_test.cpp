// docs/ops.md is what the records say.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "ir/describe.h"
#include "ir/op_def.h"

namespace sinter::ir {
namespace {

constexpr const char* kFile = SINTER_SOURCE_DIR "/docs/ops.md";

TEST(Describe, TheDocumentIsUpToDate) {
  const std::string expected = describe_ops();
  if (std::getenv("SINTER_REFRESH")) std::ofstream(kFile, std::ios::binary) << expected;
  std::ifstream file(kFile, std::ios::binary);
  const std::string actual{std::istreambuf_iterator<char>(file), {}};
  EXPECT_TRUE(actual == expected) << "docs/ops.md is not what the records say; SINTER_REFRESH=1 writes the file anew";
}

TEST(Describe, EveryOpHasItsSection) {
  const std::string text = describe_ops();
  for (const auto& op : OpRegistry::instance().all()) {
    EXPECT_NE(text.find("\n### " + op->name + "\n"), std::string::npos) << op->name;
    for (const Rule& rule : op->rules) EXPECT_NE(text.find("- " + rule.label + ": " + rule.text + "\n"), std::string::npos) << op->name;
  }
}

}  // namespace
}  // namespace sinter::ir
