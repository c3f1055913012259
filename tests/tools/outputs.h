// What commands wrote, in a form to compare: lines of JSON, files of tensors.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace sinter::test {

/// The JSON values of a text that has one on each line.
std::vector<nlohmann::json> lines_of(const std::string& text);

/// The tensors of a .safetensors file by name, as bytes.
std::map<std::string, std::string> tensors_of(const std::filesystem::path& path);

}  // namespace sinter::test
