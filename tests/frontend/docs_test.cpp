// The texts in docs/language.md are texts.
#include <gtest/gtest.h>

#include "frontend/language/library.h"
#include "frontend/support.h"

namespace sinter::language {
namespace {

TEST(Docs, texts_compile) {
  const std::string page = read_file(std::string(SINTER_SOURCE_DIR) + "/docs/language.md");
  EXPECT_NE(page.find("\n" + example("classifier") + "```"), std::string::npos) << "the page shows another classifier";
  const size_t begin = page.find("optimizer signed(");
  ASSERT_NE(begin, std::string::npos);
  const std::string optimizer = page.substr(begin, page.find("```", begin) - begin);
  const Compiled compiled = compile(optimizer +
                                    "model m(x: f32[batch, 2]) -> y { y = dense(x, 1) }\n"
                                    "train m { loss = mean_squared_error(y, label) optimizer = signed(0.1) }");
  EXPECT_NE(compiled.module.find_variable("optimizer.y.weight.m"), nullptr);
}

TEST(Docs, name_everything_in_the_library) {
  const std::string page = read_file(std::string(SINTER_SOURCE_DIR) + "/docs/language.md");
  for (const auto& declaration : library().declarations) {
    const std::string name(declaration->name);
    if (declaration->kind != Declaration::Kind::kFunction) EXPECT_NE(page.find("`" + name), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace sinter::language
