#include "frontend/onnx/onnx.h"

#include "base/text.h"
#include "frontend/onnx/importer.h"
#include "frontend/onnx/read.h"

namespace sinter::onnx {
namespace {

std::map<std::string, Tensor> take_initialisers(wire::ModelProto& model, const std::string& path) {
  std::map<std::string, Tensor> initialisers;
  for (auto& proto : *model.mutable_graph()->mutable_initializer()) {
    if (!initialisers.emplace(proto.name(), take_tensor(proto, {path, proto.name()})).second)
      throw Error(ErrorCode::kData, "two initialisers are named " + quoted(proto.name())).at({.file = path});
  }
  if (model.graph().sparse_initializer_size() > 0)
    throw Error(ErrorCode::kUnsupported, "sparse initialisers are not supported").at({.file = path});
  return initialisers;
}

/// What was found out of a symbol, put into what is known of the others.
void learn(DimMap& equalities, const std::string& symbol, const Dim& value) {
  const DimMap now{{symbol, value}};
  for (auto& [other, dim] : equalities) dim = dim.substitute(now);
  equalities.insert_or_assign(symbol, value);
}

}  // namespace

Imported import_file(const std::string& path, const Options& options) {
  wire::ModelProto model = read_model(path);
  std::map<std::string, Tensor> initialisers = take_initialisers(model, path);
  DimMap equalities;
  for (const auto& [symbol, value] : options.dims) equalities.insert_or_assign(symbol, Dim(value));
  // Each attempt that ends early has one symbol less.
  while (true) {
    Importer importer(model, path, initialisers, equalities);
    try {
      Imported imported = importer.run();
      for (const auto& [symbol, value] : options.dims)
        if (!importer.symbols().contains(symbol))
          throw Error(ErrorCode::kName, "the model's inputs have no symbol " + quoted(symbol)).at({.file = path});
      return imported;
    } catch (const MustEqual& equality) {
      SINTER_CHECK(!equalities.contains(equality.symbol), "the symbol " + equality.symbol + " has a value already");
      learn(equalities, equality.symbol, equality.value.substitute(equalities));
    }
  }
}

}  // namespace sinter::onnx
