#include "tools/outputs.h"

#include <sstream>

#include "io/safetensors.h"

namespace sinter::test {

std::vector<nlohmann::json> lines_of(const std::string& text) {
  std::vector<nlohmann::json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

std::map<std::string, std::string> tensors_of(const std::filesystem::path& path) {
  std::map<std::string, std::string> bytes;
  for (const auto& [name, tensor] : io::read_safetensors(path.string()).tensors)
    bytes[name] = std::string(static_cast<const char*>(tensor.raw()), tensor.bytes());
  return bytes;
}

}  // namespace sinter::test
