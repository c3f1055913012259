// The order in which the nodes of a graph can be computed, whatever order they are stored in.
#pragma once

#include <onnx/schema.pb.h>

#include <string>
#include <vector>

namespace sinter::onnx {

using Nodes = google::protobuf::RepeatedPtrField<wire::NodeProto>;

/// What has a name before any node is computed.
struct KnownNames {
  virtual bool knows(const std::string& name) const = 0;

 protected:
  ~KnownNames() = default;
};
/// The indices of the nodes that `wanted` values depend on, each after those it reads. `known` are inputs, initialisers and
/// what an outer graph has. Raises Error kData, naming file, node and tensor: a tensor that nothing computes, that two nodes compute, or
/// that depends on itself.
std::vector<int> node_order(const Nodes& nodes, const std::vector<std::string>& wanted, const KnownNames& known, const std::string& path);

/// What a node is called: its name, else that of its first output.
std::string name_of(const wire::NodeProto& node);

}  // namespace sinter::onnx
