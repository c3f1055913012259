// Requests for data, shared by the tests of data, checkpoints and the fit loop.
#pragma once

#include <string>

#include "runtime/data/dataset.h"
#include "support/temporary_folder.h"

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

using sinter::test::TemporaryFolder;

}  // namespace sinter::runtime::test
