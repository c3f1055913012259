// Names of the module: words and paths of words, each once, made from the model's names, which may be any text.
#pragma once

#include <set>
#include <string>

namespace sinter::onnx {

/// Letters, digits and underscores, beginning with no digit; with `dots`, a path of such words.
std::string to_word(const std::string& name, bool dots);

class Names {
 public:
  /// The name as words; with a number behind it when it is taken.
  std::string take(const std::string& name, bool dots = true);

 private:
  std::set<std::string> taken_;
};

}  // namespace sinter::onnx
