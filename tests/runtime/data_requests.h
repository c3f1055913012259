// Requests for data and temporary files, shared by the tests of data, checkpoints and the fit loop.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "runtime/data/dataset.h"

namespace sinter::runtime::test {

inline DataRequest request_for(const std::string& source, std::map<std::string, DataArgument> arguments, int64_t width,
                               std::optional<int64_t> classes) {
  DataRequest request;
  request.source = source;
  request.arguments = std::move(arguments);
  request.feature = {DType::kF32, {width}};
  request.label = classes ? SampleType{DType::kI64, {}} : SampleType{DType::kF32, {}};
  request.label_is_classes = classes.has_value();
  request.classes = classes;
  return request;
}

/// A folder that is removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "sinter_test_XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string file(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, std::string_view content) const {
    std::ofstream(file(name), std::ios::binary) << content;
    return file(name);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace sinter::runtime::test
