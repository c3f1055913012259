#include "support/recorded.h"

#include <gtest/gtest.h>

#include <fstream>

#include "ir/text.h"

namespace sinter::test {

std::vector<RecordedCase> recorded_cases(const std::string& file) {
  std::vector<RecordedCase> cases;
  std::vector<std::pair<size_t, std::string>> names;  // of each variable of the module below: its case, its own name
  std::string module = "sir 1\nmodule recorded\n";
  std::ifstream in(std::string(SINTER_SOURCE_DIR) + "/tests/golden/library/" + file + ".txt");
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (line[0] != ' ') {
      cases.push_back({line, {}});
      continue;
    }
    const size_t name = line.find_first_not_of(' '), equals = line.find(" = "), brace = line.find('{');
    const std::string type = line.substr(equals + 3, brace - equals - 3);
    module += "variable v" + std::to_string(names.size()) + ": " + type + " constant " + line.substr(brace) + "\n";
    names.emplace_back(cases.size() - 1, line.substr(name, equals - name));
  }
  EXPECT_FALSE(cases.empty()) << "no recorded values in " << file;
  const ir::Module parsed = ir::parse_module(module, file);
  for (size_t i = 0; i < names.size(); ++i) cases[names[i].first].values.emplace(names[i].second, *parsed.variables[i].value);
  return cases;
}

}  // namespace sinter::test
