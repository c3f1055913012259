// ONNX files: a model becomes a module with one function, `predict`. Used by the tools; the operators that are understood: docs/onnx.md.
//
// Float initialisers of more than one element are the module's parameters and keep their values beside it; all others become constants.
// Nodes keep the model's names. It never runs a model, and knows nothing of passes.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/tensor.h"
#include "ir/module.h"

namespace sinter::onnx {

struct Options {
  std::map<std::string, int64_t, std::less<>> dims;  // symbols whose value is compiled in
};

struct Imported {
  ir::Module module;
  std::vector<std::pair<std::string, Tensor>> parameters;  // their values; views of the file where it is mapped
  std::vector<std::string> inputs, outputs;                // variables of the module, in the order of the model's graph
  std::map<std::string, std::string> variables;            // by the model's own name of an input or output
  int64_t ir_version = 0;
  std::vector<std::pair<std::string, int64_t>> opsets;     // domain and version
  std::map<std::string, int64_t> histogram;                // nodes by operator, functions not opened
};

/// Reads a model file. Raises Error: kIo; kData for a file that is damaged or breaks a rule of the format; kType for a node whose operands
/// do not fit; kUnsupported listing every node that cannot be imported by name, operator and reason. File, node and tensor are named.
Imported import_file(const std::string& path, const Options& options = {});

/// One tensor stored in a file of its own, as the test data of models are. Raises Error kIo, kData; kUnsupported for strings.
Tensor read_tensor_file(const std::string& path);

/// Whether the path says that it is a model of this kind: it ends in .onnx.
bool is_model_path(const std::string& path);

}  // namespace sinter::onnx
