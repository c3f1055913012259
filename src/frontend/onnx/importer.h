// Builds the module of a model: orders and names its nodes, opens functions and branches, folds what is known, asks the table for the rest,
// and collects what cannot be imported. Used by onnx.h alone.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "frontend/onnx/names.h"
#include "frontend/onnx/onnx.h"
#include "frontend/onnx/operators.h"
#include "frontend/onnx/order.h"

namespace sinter::onnx {

using Opsets = std::map<std::string, int64_t, std::less<>>;

/// The names that nodes see: those of their own graph, then those of the graphs around it.
struct Scope final : KnownNames {
  explicit Scope(const Scope* parent = nullptr) : parent(parent) {}
  const Scope* parent;
  std::map<std::string, Item> items;
  std::set<std::string> refused;  // outputs of nodes that could not be imported

  bool knows(const std::string& name) const override { return find(name) != nullptr || is_refused(name); }
  Item* find(const std::string& name) const;
  bool is_refused(const std::string& name) const { return refused.contains(name) || (parent != nullptr && parent->is_refused(name)); }
};

/// Around the nodes of one graph or function.
struct Frame {
  const Opsets* opsets = nullptr;
  const AttributeMap* attributes = nullptr;  // of the node that called the function; null in the model's graph
  std::string prefix;                        // of node names: the path of calls
  int depth = 0;
};

class Importer {
 public:
  /// `model` loses its initialisers. `equalities` are what earlier attempts found out about symbols.
  Importer(wire::ModelProto& model, std::string path, std::map<std::string, Tensor>& initialisers, const DimMap& equalities)
      : model_(model), path_(std::move(path)), initialisers_(initialisers), equalities_(equalities), builder_(graph_) {}

  Imported run();
  /// The symbols that the inputs have, before any of them was given a value.
  const std::set<std::string>& symbols() const { return symbols_; }

 private:
  struct Refusal {
    std::string node, op, reason;
  };

  Opsets read_opsets(const google::protobuf::RepeatedPtrField<wire::OperatorSetIdProto>& imports) const;
  void add_inputs(Imported& imported);
  TensorType input_type(const wire::ValueInfoProto& input);
  Dim input_dim(const wire::TensorShapeProto::Dimension& dim, const std::string& input, int axis);
  void add_outputs(Imported& imported);
  void report_refusals() const;

  void run_nodes(Scope& scope, Nodes& nodes, const std::vector<std::string>& wanted, const Frame& frame);
  void run_node(Scope& scope, wire::NodeProto& node, const Frame& frame);
  void run_operator(Scope& scope, wire::NodeProto& node, const Frame& frame, const AttributeMap& attributes);
  bool run_function(Scope& scope, wire::NodeProto& node, const Frame& frame, const AttributeMap& attributes);
  void run_branch(Scope& scope, wire::NodeProto& node, const Frame& frame, const AttributeMap& attributes);
  bool fold(const Operator& op, const std::vector<Item*>& inputs, const wire::NodeProto& node, const AttributeMap& attributes,
            int64_t version, std::vector<std::optional<Item>>& results);
  std::vector<Item*> inputs_of(Scope& scope, const wire::NodeProto& node) const;
  void keep(Scope& scope, const wire::NodeProto& node, std::vector<std::optional<Item>> results, bool all);
  void refuse(Scope& scope, const wire::NodeProto& node, const Frame& frame, std::string reason);

  wire::ModelProto& model_;
  const std::string path_;
  std::map<std::string, Tensor>& initialisers_;
  const DimMap& equalities_;
  std::set<std::string> symbols_;
  std::map<std::string, std::string> symbol_of_;  // by the model's name
  Names symbol_names_, variable_names_;
  ir::Graph graph_;
  ir::Builder builder_;
  ir::Function function_;
  std::vector<ir::Variable> variables_;
  Scope scope_;
  std::vector<Refusal> refusals_;
  std::vector<const wire::FunctionProto*> active_;
  int64_t nodes_ = 0;
};

}  // namespace sinter::onnx
