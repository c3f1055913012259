#include "support/golden.h"

#include <fstream>

#include "base/error.h"
#include "ir/text.h"

namespace sinter::test {
namespace {

std::string trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t"), end = text.find_last_not_of(" \t\r");
  return begin == std::string_view::npos ? "" : std::string(text.substr(begin, end - begin + 1));
}

/// The first of `characters` outside all brackets, from `begin`.
size_t find_outside(std::string_view text, std::string_view characters, size_t begin) {
  int depth = 0;
  for (size_t i = begin; i < text.size(); ++i) {
    if (depth == 0 && characters.find(text[i]) != std::string_view::npos) return i;
    if (text[i] == '(' || text[i] == '[' || text[i] == '{') ++depth;
    if (text[i] == ')' || text[i] == ']' || text[i] == '}') --depth;
  }
  return std::string_view::npos;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  if (trimmed(text).empty()) return items;
  for (size_t begin = 0;;) {
    const size_t comma = find_outside(text, ",", begin);
    items.push_back(trimmed(text.substr(begin, comma - begin)));
    if (comma == std::string_view::npos) return items;
    begin = comma + 1;
  }
}

/// "f32[2]" of "f32[2]{1.0, 2.0}".
std::string type_of(const std::string& tensor) { return tensor.substr(0, tensor.find('{')); }

}  // namespace

GoldenCase parse_golden(std::string_view line) {
  const size_t open = line.find('('), close = open == std::string_view::npos ? open : find_outside(line, ")", open + 1);
  const size_t equals = close == std::string_view::npos ? close : find_outside(line, "=", close + 1);
  if (equals == std::string_view::npos)
    throw Error(ErrorCode::kSyntax, "expected `op(tensors) {attributes} = tensors` in: " + std::string(line));
  const std::vector<std::string> operands = split_list(line.substr(open + 1, close - open - 1)),
                                 results = split_list(line.substr(equals + 1));
  std::string variables, arguments, names, types, returned;
  const auto append = [](std::string& list, const std::string& item) { list += (list.empty() ? "" : ", ") + item; };
  const auto add_constant = [&](const std::string& name, const std::string& tensor) {
    const std::string type = type_of(tensor);
    variables += "variable " + name + ": " + type + " constant " + tensor.substr(type.size()) + "\n";
  };
  for (size_t i = 0; i < operands.size(); ++i) {
    const std::string number = std::to_string(i);
    add_constant("operand." + number, operands[i]);
    arguments += "%" + number + ": " + type_of(operands[i]) + " = argument @operand." + number + "\n";
    append(names, "%" + number);
  }
  for (size_t i = 0; i < results.size(); ++i) {
    const std::string number = std::to_string(i), value = "%" + std::to_string(operands.size() + i);
    add_constant("expected." + number, results[i]);
    variables += "variable result." + number + ": " + type_of(results[i]) + " output\n";
    append(types, value + ": " + type_of(results[i]));
    append(returned, "@result." + number + " = " + value);
  }
  const std::string call =
      types + " = " + trimmed(line.substr(0, open)) + " " + names + " " + trimmed(line.substr(close + 1, equals - close - 1));
  GoldenCase golden{
      std::string(line),
      ir::parse_module("sir 1\nmodule golden\n" + variables + "function main {\n" + arguments + call + "\nreturn " + returned + "\n}\n",
                       "golden value"),
      {}};
  for (size_t i = 0; i < results.size(); ++i) golden.expected.push_back(*golden.module.variable("expected." + std::to_string(i)).value);
  return golden;
}

std::vector<GoldenCase> golden_cases(const std::string& op) {
  std::vector<GoldenCase> cases;
  for (const char* folder : {"/tests/golden/", "/tests/golden/narrow/"}) {
    std::ifstream file(std::string(SINTER_SOURCE_DIR) + folder + op + ".txt");
    for (std::string line; std::getline(file, line);) {
      line = trimmed(line.substr(0, line.find('#')));
      if (!line.empty()) cases.push_back(parse_golden(line));
    }
  }
  return cases;
}

}  // namespace sinter::test
