#include "frontend/onnx/order.h"

#include <map>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace sinter::onnx {
namespace {

/// What the graphs inside a graph compute and read.
void collect_captured(const wire::GraphProto& graph, std::set<std::string>& read);

void collect_reads(const wire::NodeProto& node, std::set<std::string>& read) {
  for (const std::string& input : node.input())
    if (!input.empty()) read.insert(input);
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_g()) collect_captured(attribute.g(), read);
    for (const auto& graph : attribute.graphs()) collect_captured(graph, read);
  }
}

void collect_captured(const wire::GraphProto& graph, std::set<std::string>& read) {
  std::set<std::string> inner;
  for (const auto& node : graph.node()) collect_reads(node, inner);
  for (const auto& output : graph.output()) inner.insert(output.name());
  for (const auto& input : graph.input()) inner.erase(input.name());
  for (const auto& tensor : graph.initializer()) inner.erase(tensor.name());
  for (const auto& node : graph.node())
    for (const std::string& output : node.output()) inner.erase(output);
  read.insert(inner.begin(), inner.end());
}

struct Vertex {
  std::vector<int> sources;
  size_t next = 0;  // of the sources, the first that was not visited
  bool entered = false, left = false;
};

}  // namespace

std::string name_of(const wire::NodeProto& node) {
  if (!node.name().empty()) return node.name();
  for (const std::string& output : node.output())
    if (!output.empty()) return output;
  return node.op_type();
}

std::vector<int> node_order(const Nodes& nodes, const std::vector<std::string>& wanted, const KnownNames& known, const std::string& path) {
  const auto fail = [&](const wire::NodeProto* node, const std::string& why) {
    Place place{.file = path};
    if (node != nullptr) place.node = name_of(*node);
    throw Error(ErrorCode::kData, why).at(place);
  };
  std::map<std::string, int, std::less<>> producers;
  for (int i = 0; i < nodes.size(); ++i) {
    for (const std::string& output : nodes[i].output()) {
      if (output.empty()) continue;
      if (!producers.emplace(output, i).second || known.knows(output)) fail(&nodes[i], "tensor " + quoted(output) + " has this name twice");
    }
  }
  std::vector<Vertex> vertices(static_cast<size_t>(nodes.size()));
  for (int i = 0; i < nodes.size(); ++i) {
    std::set<std::string> read;
    collect_reads(nodes[i], read);
    for (const std::string& name : read) {
      const auto producer = producers.find(name);
      if (producer != producers.end()) {
        vertices[static_cast<size_t>(i)].sources.push_back(producer->second);
      } else if (!known.knows(name)) {
        fail(&nodes[i], "its input " + quoted(name) + " is no input, no initialiser, and computed by no node");
      }
    }
  }
  std::vector<int> order;
  // Depth first without recursion: a chain of nodes may be long.
  std::vector<int> path_of_nodes;
  const auto enter = [&](int node) {
    vertices[static_cast<size_t>(node)].entered = true;
    path_of_nodes.push_back(node);
  };
  for (const std::string& name : wanted) {
    const auto producer = producers.find(name);
    if (producer == producers.end()) {
      if (!known.knows(name)) fail(nullptr, "the output " + quoted(name) + " is computed by no node");
      continue;
    }
    if (!vertices[static_cast<size_t>(producer->second)].entered) enter(producer->second);
    while (!path_of_nodes.empty()) {
      const int at = path_of_nodes.back();
      Vertex& vertex = vertices[static_cast<size_t>(at)];
      if (vertex.next == vertex.sources.size()) {
        vertex.left = true;
        order.push_back(at);
        path_of_nodes.pop_back();
        continue;
      }
      const int source = vertex.sources[vertex.next++];
      const Vertex& before = vertices[static_cast<size_t>(source)];
      if (before.entered && !before.left) fail(&nodes[source], "it depends on its own output");
      if (!before.entered) enter(source);
    }
  }
  return order;
}

}  // namespace sinter::onnx
