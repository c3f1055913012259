// The texts in docs/language.md are texts; docs/library.md is what the library's own text says.
#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <fstream>

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

  const size_t metric = page.find("metric f1_of_one(");
  ASSERT_NE(metric, std::string::npos);
  const Compiled measured = compile(page.substr(metric, page.find("```", metric) - metric) +
                                    "model m(x: f32[batch, 2]) -> y { y = dense(x, 1) }\n"
                                    "train m { loss = mean_squared_error(y, label) optimizer = sgd() metrics = [f1_of_one(y, label)] }");
  EXPECT_NE(measured.module.find_function("measure"), nullptr);
}

// ---- docs/library.md is what the library's text says ----

const std::string kLibraryPage = std::string(SINTER_SOURCE_DIR) + "/docs/library.md";

bool begins_item(const std::string& line) {
  for (const char* kind : {"function ", "layer ", "initialiser ", "optimizer ", "schedule ", "metric "})
    if (line.starts_with(kind)) return true;
  return false;
}

/// `name(parameters)` of an item that begins at `begin`, on one line.
std::string signature(std::string_view text, size_t begin) {
  begin = text.find(' ', begin) + 1;
  size_t end = text.find('(', begin);
  int depth = 0;
  do {
    if (text[end] == '(') ++depth;
    if (text[end] == ')') --depth;
    ++end;
  } while (depth > 0);
  std::string line;
  for (const char c : text.substr(begin, end - begin)) {
    if (c == '\n' || (c == ' ' && !line.empty() && line.back() == ' ')) {
      if (!line.empty() && line.back() != ' ') line += ' ';
    } else {
      line += c;
    }
  }
  return line;
}

std::string describe_library() {
  std::string page =
      "# The library\n\nWhat the model language ([language.md](language.md)) comes with, made from its text (`src/frontend/language/library.sinter` and the folder\n"
      "beside it). `T` is any dtype, `x: T[.., n]` a tensor of rank 1 or more, `= value` what an argument is when it is left out. Every op can be\n"
      "called too: [ops.md](ops.md).\n";
  const std::string text(library_text());
  std::string comment;
  bool heading = false;  // the comment belongs to the section
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    if (line.starts_with("# ---- ")) {
      page += "\n## " + line.substr(7, line.size() - 12) + "\n\n";
      page[page.rfind("## ") + 3] = static_cast<char>(std::toupper(static_cast<unsigned char>(line[7])));
      heading = true;
    } else if (line.starts_with("# ")) {
      comment += (comment.empty() ? "" : " ") + line.substr(2);
    } else if (line.empty()) {
      if (heading && !comment.empty()) page += comment + "\n\n";
      heading = false;
      comment.clear();
    } else if (begins_item(line)) {
      EXPECT_FALSE(comment.empty()) << "no line says what this is: " << line;
      page += "- `" + signature(text, begin) + "`: " + comment + "\n";
      comment.clear();
    }
    begin = end + 1;
  }
  return page;
}

TEST(Docs, the_page_of_the_library_is_up_to_date) {
  const std::string expected = describe_library();
  if (std::getenv("SINTER_REFRESH") != nullptr) std::ofstream(kLibraryPage, std::ios::binary) << expected;
  EXPECT_TRUE(read_file(kLibraryPage) == expected) << "docs/library.md is not what the library says; SINTER_REFRESH=1 writes the file anew";
  for (const auto& declaration : library().declarations)
    EXPECT_NE(expected.find("\n- `" + std::string(declaration->name) + "("), std::string::npos) << declaration->name;
}

}  // namespace
}  // namespace sinter::language
