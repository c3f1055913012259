// Runs the text files in tests/passes/cases/PASS/*.sir. Comment lines tell what to do with the module that follows:
//
//   // passes: grad, simplify     run in this order (required)
//   // count transpose 0          how many nodes of an op the result has
//   // fails unsupported: TEXT    the passes raise an error of this code whose text contains TEXT
//   // range label 0 10           integers of this variable are drawn from 0 .. 9
//   // size batch 4               of a symbol
//   // gradients                  results d.X are the derivatives of result loss by X, checked by central differences
//   // expect                     the exact graph text of the result follows; SINTER_REFRESH=1 writes it anew
//
// Whatever is asked, each function is also evaluated before and after, on random inputs, and compared.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "ir/text.h"
#include "support.h"

namespace sinter::passes::test {
namespace {

namespace fs = std::filesystem;

struct Case {
  std::string head;  // everything before the expected text
  std::vector<std::string> passes;
  std::vector<std::pair<std::string, int64_t>> counts;
  std::string error_code, error_text;
  Ranges ranges;
  SymbolValues sizes;
  bool gradients = false;
  std::optional<std::string> expected;
};

std::string read(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void read_directive(Case& result, const std::string& line) {
  std::istringstream words(line.substr(2));
  std::string word, name;
  words >> word;
  if (word == "passes:") {
    while (words >> name) {
      if (name.back() == ',') name.pop_back();
      result.passes.push_back(name);
    }
  } else if (word == "count") {
    int64_t number = 0;
    words >> name >> number;
    result.counts.emplace_back(name, number);
  } else if (word == "fails") {
    words >> result.error_code;
    result.error_code.pop_back();
    std::getline(words >> std::ws, result.error_text);
  } else if (word == "range") {
    int64_t lower = 0, upper = 0;
    words >> name >> lower >> upper;
    result.ranges[name] = {lower, upper};
  } else if (word == "size") {
    int64_t size = 0;
    words >> name >> size;
    result.sizes[name] = size;
  } else if (word == "gradients") {
    result.gradients = true;
  }
}

Case read_case(const fs::path& path) {
  constexpr std::string_view kExpect = "// expect\n";
  Case result;
  result.head = read(path);
  if (const size_t at = result.head.find(kExpect); at != std::string::npos) {
    result.expected = result.head.substr(at + kExpect.size());
    result.head.resize(at + kExpect.size());
  }
  std::istringstream lines(result.head);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("//")) read_directive(result, line);
  }
  return result;
}

/// The modules after each pass, the given one first.
std::vector<ir::Module> run_each(const ir::Module& module, const std::vector<std::string>& passes) {
  std::vector<ir::Module> modules = {module};
  for (const std::string& pass : passes) modules.push_back(run(modules.back(), {pass}));
  return modules;
}

void expect_failure(const Case& test, const ir::Module& module) {
  try {
    run_each(module, test.passes);
    FAIL() << "no error was raised";
  } catch (const Error& error) {
    EXPECT_EQ(name(error.code()), test.error_code);
    EXPECT_NE(std::string(error.what()).find(test.error_text), std::string::npos) << error.what();
  }
}

class PassCase : public testing::TestWithParam<fs::path> {};

TEST_P(PassCase, DoesWhatTheFileSays) {
  const Case test = read_case(GetParam());
  ASSERT_FALSE(test.passes.empty()) << "the file names no passes";
  const ir::Module module = ir::parse_module(test.head, GetParam().filename().string());
  if (!test.error_code.empty()) return expect_failure(test, module);
  ASSERT_TRUE(test.expected || test.gradients || !test.counts.empty()) << "the file expects nothing";

  const std::vector<ir::Module> modules = run_each(module, test.passes);
  const auto first =
      std::find_if(modules.begin(), modules.end(), [](const ir::Module& m) { return count_op(m, "grad") == 0; });
  ASSERT_NE(first, modules.end()) << "grad nodes are left, which the evaluator cannot run";
  expect_same_results(*first, modules.back(), test.sizes, test.ranges);
  if (test.gradients) expect_gradients(modules.back(), test.sizes, test.ranges);
  for (const auto& [op, count] : test.counts) {
    EXPECT_EQ(count_op(modules.back(), op), count) << "nodes of " << op << " in\n" << ir::print(modules.back());
  }
  const std::string text = ir::print(modules.back());
  EXPECT_EQ(ir::print(ir::parse_module(text)), text);
  if (!test.expected) return;
  if (std::getenv("SINTER_REFRESH")) {
    std::ofstream(GetParam()) << test.head << text;
  } else {
    EXPECT_EQ(*test.expected, text) << "SINTER_REFRESH=1 writes the file anew";
  }
}

std::vector<fs::path> case_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(SINTER_SOURCE_DIR) / "tests/passes/cases")) {
    if (entry.path().extension() == ".sir") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

INSTANTIATE_TEST_SUITE_P(Cases, PassCase, testing::ValuesIn(case_files()), [](const auto& info) {
  return info.param.parent_path().filename().string() + "_" + info.param.stem().string();
});

}  // namespace
}  // namespace sinter::passes::test
