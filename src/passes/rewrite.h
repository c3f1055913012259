// The traversal that passes share: read one graph, write another, node by node, keeping node names. A pass says only
// what becomes of a node; everything else is copied. It knows no op.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "ir/builder.h"
#include "ir/graph.h"
#include "ir/module.h"

namespace sinter::passes {

/// One graph in the making from another: knows the new value of each old one.
class Rewriter {
 public:
  /// Begins with all arguments of `from`, which must outlive the rewriter; or with those of them that `keep_argument`
  /// marks.
  explicit Rewriter(const ir::Graph& from);
  Rewriter(const ir::Graph& from, const std::vector<bool>& keep_argument);
  Rewriter(const Rewriter&) = delete;
  Rewriter& operator=(const Rewriter&) = delete;

  const ir::Graph& from() const { return from_; }
  const ir::Graph& to() const { return to_; }
  /// Appends to the new graph. Nodes of `to()` move when it does: copy what is needed of them first.
  ir::Builder& builder() { return builder_; }

  /// The new value of an old one; broken invariant when it has none yet.
  ir::Value at(ir::Value old) const;
  std::vector<ir::Value> at(const std::vector<ir::Value>& old) const;
  /// Lets `value` stand for `old` from now on; their types must be equal.
  void replace(ir::Value old, ir::Value value);
  void replace(const ir::Node& node, const std::vector<ir::Value>& values);
  /// Appends `node`, with the new values of its operands and its own name.
  void copy(const ir::Node& node);

  /// Sets the results and hands the graph over.
  ir::Graph finish() &&;

 private:
  const ir::Graph& from_;
  ir::Graph to_;
  ir::Builder builder_{to_};
  std::vector<ir::Value> map_;
};

/// What becomes of a node: its replacements (one per result), or nullopt to copy it. The builder has the node's name
/// set.
using NodeRule = std::function<std::optional<std::vector<ir::Value>>(Rewriter&, const ir::Node&)>;

/// The graph with `rule` asked for every node in order. Regions are copied as they are (see map_graphs).
ir::Graph rewrite(const ir::Graph& graph, const NodeRule& rule);

/// The module with every graph replaced by `change` of it: regions before the graph they stand in. `change` keeps
/// arguments and results.
using GraphChange = std::function<ir::Graph(const ir::Graph&)>;
ir::Module map_graphs(const ir::Module& module, const GraphChange& change);

}  // namespace sinter::passes
