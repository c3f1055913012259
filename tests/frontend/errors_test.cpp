// Each file of tests/frontend/errors holds one mistake; its first line tells the message: `# expect LINE:COLUMN: error: ...`
// (or `# expect error: ...` where the mistake has no place). The message also shows the line, with a caret below the column.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "frontend/support.h"

namespace sinter::language {
namespace {

const std::string kFolder = std::string(SINTER_SOURCE_DIR) + "/tests/frontend/errors";

std::vector<std::string> names_of_errors() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::stringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

class ErrorText : public testing::TestWithParam<std::string> {};

TEST_P(ErrorText, is_what_the_file_expects) {
  const std::string text = read_file(kFolder + "/" + GetParam() + ".sinter");
  const std::string prefix = "# expect ";
  const std::vector<std::string> source = lines_of(text);
  ASSERT_FALSE(source.empty());
  ASSERT_EQ(source[0].substr(0, prefix.size()), prefix);
  const std::string expected = source[0].substr(prefix.size());

  try {
    compile_text(text, "text");
    FAIL() << "no error, expected: " << expected;
  } catch (const Error& error) {
    const std::vector<std::string> lines = lines_of(error.what());
    const bool placed = error.place().line > 0;
    EXPECT_EQ(lines[0], (placed ? "text:" : "text: ") + expected);
    if (!placed || error.place().source_line.empty()) return;
    EXPECT_EQ(error.place().source_line, source.at(static_cast<size_t>(error.place().line) - 1));
    ASSERT_EQ(lines.size(), 3U) << error.what();
    ASSERT_LT(lines[2].find('^'), std::string::npos);
    if (error.place().column < 100) EXPECT_EQ(lines[2].size(), 2U + static_cast<size_t>(error.place().column));
  }
}

INSTANTIATE_TEST_SUITE_P(Language, ErrorText, testing::ValuesIn(names_of_errors()), [](const auto& info) { return info.param; });

TEST(ErrorPlace, is_the_users_call_when_the_library_complains) {
  const std::string text = error_of("sinter 1\nmodel m(x: f32[batch, 4]) -> y {\n    y = dropout(x, rate = 2)\n}\n");
  EXPECT_NE(text.find("test.sinter:3:9: error: in dropout:"), std::string::npos) << text;
  EXPECT_EQ(text.find("library.sinter"), std::string::npos) << text;
}

TEST(ErrorOptions, that_do_not_fit_are_told) {
  const auto message = [](const Options& options) -> std::string {
    try {
      compile_text(example("classifier"), "classifier.sinter", options);
    } catch (const Error& error) {
      return error.message() + "; " + error.hint();
    }
    return "no error";
  };
  EXPECT_EQ(message({.model = "classifer"}), "there is no model 'classifer'; did you mean 'classifier'?");
  EXPECT_EQ(message({.dims = {{"bach", 3}}}), "the model has no symbol 'bach' to compile in; did you mean 'batch'?");
  EXPECT_EQ(message({.epochs = 0}), "epochs is a whole number from 1, not 0; ");
  EXPECT_EQ(message({.batch = -3}), "batch is a whole number from 1, not -3; ");
  EXPECT_EQ(message({.batch = INT64_MAX}), "batch is a whole number up to 1000000000; ");
  EXPECT_EQ(message({.learning_rate = -1}), "the learning rate is a finite number from 0, not -1.0; ");
  EXPECT_NE(message({.dims = {{"batch", -3}}}), "no error");
  EXPECT_NE(message({.data = "digits(samples = 10)"}).find("digits yields 64 features"), std::string::npos);
  EXPECT_NE(message({.data = "digits(samples = )"}).find("no error"), 0U);
  EXPECT_NE(message({.data = "noise(samples = 3)"}).find("there is no data source 'noise'"), std::string::npos);
}

TEST(ErrorOptions, need_a_train_block) {
  Options options;
  options.epochs = 3;
  EXPECT_THROW(compile_text("sinter 1\nmodel m(x: f32[batch]) -> y { y = x }", "m.sinter", options), Error);
}

}  // namespace
}  // namespace sinter::language
