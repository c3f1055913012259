#include "frontend/onnx/names.h"

#include <cctype>

namespace sinter::onnx {

std::string to_word(const std::string& name, bool dots) {
  std::string word;
  const auto begins_word = [&] { return word.empty() || word.back() == '.'; };
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '.' && dots) {
      if (!begins_word()) word += '.';
    } else if (byte < 128 && (std::isalnum(byte) || c == '_')) {
      if (begins_word() && std::isdigit(byte)) word += '_';
      word += c;
    } else if (!begins_word() || c != '/') {
      word += '_';
    }
  }
  while (!word.empty() && word.back() == '.') word.pop_back();
  return word.empty() ? "_" : word;
}

std::string Names::take(const std::string& name, bool dots) {
  const std::string word = to_word(name, dots);
  std::string unique = word;
  for (int number = 2; !taken_.insert(unique).second; ++number) unique = word + "_" + std::to_string(number);
  return unique;
}

}  // namespace sinter::onnx
