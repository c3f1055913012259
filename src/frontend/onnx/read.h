// Reading the protobuf messages of a model, under limits, and its tensors. Used by the importer alone.
#pragma once

#include <onnx/schema.pb.h>

#include <string>
#include <string_view>

#include "base/tensor.h"

namespace sinter::onnx {

/// Raises Error kIo, or kData: truncated or damaged, nested deeper than any model, beyond 2 GiB.
wire::ModelProto read_model(const std::string& path);

/// Where a tensor comes from, for messages and for data beside the model.
struct TensorSource {
  std::string path;    // of the model
  std::string tensor;  // its name, or whose attribute it is
};

/// The elements, checked against the dims. What stands in `raw_data` is moved out of the message, external data are mapped. Raises Error
/// kData naming the tensor (sizes that do not match, external data outside of the model's folder or past the end of its file), kUnsupported
/// for dtypes that are not computed with.
Tensor take_tensor(wire::TensorProto& proto, const TensorSource& source);

/// The dtype of a number of the format. Raises Error kUnsupported for strings, complex numbers and those of less than a byte.
DType dtype_of_wire(int32_t data_type, const TensorSource& source);

}  // namespace sinter::onnx
