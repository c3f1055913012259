// The table of forms that the pass recognise raises: formulas as people and exporters write them, and what each of them
// is. A new form is a line; a new composite a row. Used by the pass only.
#pragma once

#include <functional>
#include <optional>

#include "ir/builder.h"
#include "passes/recognise/match.h"

namespace sinter::passes {

/// What takes the place of the matched root, or nothing where the op cannot say it. `at` gives the value in the graph
/// that is built for one of the graph that was matched.
struct Raise {
  ir::Builder& builder;
  const ir::Graph& from;
  const Match& match;
  ir::Value root;  // in `from`
  const std::function<ir::Value(ir::Value)>& at;

  Shape shape() const { return from.type(root).shape; }
  /// The bound value, when it runs along the root's own axes.
  std::optional<ir::Value> whole(const std::string& name) const;
  ir::Value bound(const std::string& name) const { return at(match.values.at(name).value); }
};

struct Form {
  const char* op;                 // what is raised to
  std::vector<Pattern> patterns;  // in order: the first that fits
  std::optional<ir::Value> (*raise)(const Raise&);
  bool shares = false;  // what is expanded again has the parts that others read of the hand-written form
  bool helps = false;   // only a step towards other forms
};

/// In the order in which they are tried at a node.
const std::vector<Form>& forms();

}  // namespace sinter::passes
