#include "frontend/onnx/importer.h"

#include <algorithm>

#include "base/text.h"
#include "frontend/onnx/read.h"
#include "ir/evaluate.h"

namespace sinter::onnx {
namespace {

constexpr int kDeepest = 64;                   // calls and branches in each other
constexpr int64_t kMostNodes = 4'000'000;      // with functions opened
constexpr int64_t kLargestDim = int64_t{1} << 40;

bool is_parameter(const Tensor& tensor) { return is_float(tensor.dtype()) && tensor.size() > 1; }

std::string domain_of(const std::string& domain) { return domain == "ai.onnx" ? "" : domain; }

std::string op_name(const wire::NodeProto& node) {
  const std::string domain = domain_of(node.domain());
  return domain.empty() ? node.op_type() : domain + "." + node.op_type();
}

}  // namespace

Item* Scope::find(const std::string& name) const {
  const auto found = items.find(name);
  if (found != items.end())
    return const_cast<Item*>(&found->second);  // an item learns its value in the graph when it is first needed there
  return parent == nullptr ? nullptr : parent->find(name);
}

Opsets Importer::read_opsets(const google::protobuf::RepeatedPtrField<wire::OperatorSetIdProto>& imports) const {
  Opsets opsets;
  for (const auto& opset : imports) opsets[domain_of(opset.domain())] = opset.version();
  opsets.try_emplace("", kNewestOpset);
  if (opsets[""] > kNewestOpset)
    throw Error(ErrorCode::kUnsupported, "the model uses operator set " + std::to_string(opsets[""]))
        .at({.file = path_})
        .hint("operator sets up to " + std::to_string(kNewestOpset) + " are known");
  return opsets;
}

Dim Importer::input_dim(const wire::TensorShapeProto::Dimension& dim, const std::string& input, int axis) {
  if (dim.has_dim_value() && dim.dim_value() >= 0) {
    if (dim.dim_value() > kLargestDim)
      throw Error(ErrorCode::kData, "input " + quoted(input) + " has a dim of " + std::to_string(dim.dim_value())).at({.file = path_});
    return dim.dim_value();
  }
  // A dim without a name is a symbol of its own.
  const std::string name = dim.dim_param().empty() ? input + "_dim" + std::to_string(axis) : dim.dim_param();
  auto known = symbol_of_.find(name);
  if (known == symbol_of_.end()) known = symbol_of_.emplace(name, symbol_names_.take(name, false)).first;
  symbols_.insert(known->second);
  return Dim::symbol(known->second).substitute(equalities_);
}

TensorType Importer::input_type(const wire::ValueInfoProto& input) {
  const TensorSource source{path_, input.name()};
  if (!input.type().has_tensor_type())
    throw Error(ErrorCode::kUnsupported,
                "input " + quoted(input.name()) + " is no tensor; sequences and optional values at a model's border are not supported")
        .at({.file = path_});
  TensorType type{dtype_of_wire(input.type().tensor_type().elem_type(), source), {}};
  if (!input.type().tensor_type().has_shape())
    throw Error(ErrorCode::kUnsupported, "input " + quoted(input.name()) + " has no rank").at({.file = path_});
  int axis = 0;
  for (const auto& dim : input.type().tensor_type().shape().dim()) type.shape.push_back(input_dim(dim, input.name(), axis++));
  return type;
}

void Importer::add_inputs(Imported& imported) {
  const auto add = [&](const std::string& name, Role role, const TensorType& type) {
    const std::string variable = variable_names_.take(name);
    Item item;
    item.type = type;
    item.value = graph_.add_argument(type);
    variables_.push_back({variable, role, type, {}});
    function_.arguments.push_back(variable);
    imported.variables[name] = variable;
    if (!scope_.items.emplace(name, std::move(item)).second)
      throw Error(ErrorCode::kData, "two inputs are named " + quoted(name)).at({.file = path_});
    return variable;
  };
  for (const auto& input : model_.graph().input())
    if (!initialisers_.contains(input.name())) imported.inputs.push_back(add(input.name(), Role::kInput, input_type(input)));
  for (const auto& [name, tensor] : initialisers_) {
    if (is_parameter(tensor)) {
      imported.parameters.emplace_back(add(name, Role::kParameter, {tensor.dtype(), Shape::of(tensor.extents())}), tensor);
      Item& item = scope_.items.at(name);
      item.tensor = tensor;
      item.parameter = true;
    } else if (!scope_.items.emplace(name, item_of(tensor)).second) {
      throw Error(ErrorCode::kData, "an input and an initialiser are named " + quoted(name)).at({.file = path_});
    }
  }
}

void Importer::add_outputs(Imported& imported) {
  std::vector<ir::Value> results;
  for (const auto& output : model_.graph().output()) {
    Item* item = scope_.find(output.name());
    SINTER_CHECK(item != nullptr, "the output " + output.name() + " was not computed");
    if (output.type().has_tensor_type()) {
      const DType declared = dtype_of_wire(output.type().tensor_type().elem_type(), {path_, output.name()});
      if (declared != item->type.dtype)
        throw Error(ErrorCode::kType, "output " + quoted(output.name()) + " is computed as " + item->type.to_string() +
                                          ", and declared as " + std::string(name(declared)))
            .at({.file = path_});
    }
    if (!item->value.valid()) item->value = materialise(builder_, *item);
    const std::string variable = variable_names_.take(output.name());
    imported.variables[output.name()] = variable;
    imported.outputs.push_back(variable);
    function_.results.push_back(variable);
    variables_.push_back({variable, Role::kOutput, item->type, {}});
    results.push_back(item->value);
  }
  if (results.empty()) throw Error(ErrorCode::kData, "the model has no outputs").at({.file = path_});
  graph_.set_results(std::move(results));
}

Imported Importer::run() {
  Imported imported;
  imported.ir_version = model_.ir_version();
  const Opsets opsets = read_opsets(model_.opset_import());
  imported.opsets.assign(opsets.begin(), opsets.end());
  for (const auto& node : model_.graph().node()) ++imported.histogram[op_name(node)];
  add_inputs(imported);
  std::vector<std::string> wanted;
  for (const auto& output : model_.graph().output()) wanted.push_back(output.name());
  const AttributeMap none;
  run_nodes(scope_, *model_.mutable_graph()->mutable_node(), wanted, {&opsets, nullptr, "", 0});
  report_refusals();
  add_outputs(imported);
  function_.name = "predict";
  function_.graph = std::move(graph_);
  imported.module.name = to_word(model_.graph().name().empty() ? "model" : model_.graph().name(), false);
  imported.module.variables = std::move(variables_);
  imported.module.functions.push_back(std::move(function_));
  ir::verify(imported.module);
  return imported;
}

void Importer::report_refusals() const {
  if (refusals_.empty()) return;
  const size_t count = refusals_.size();
  std::string text = std::to_string(count) + (count == 1 ? " node cannot be imported:" : " nodes cannot be imported:");
  for (const Refusal& refusal : refusals_) text += "\n  " + quoted(refusal.node) + ", " + refusal.op + ": " + refusal.reason;
  throw Error(ErrorCode::kUnsupported, text).at({.file = path_});
}

void Importer::refuse(Scope& scope, const wire::NodeProto& node, const Frame& frame, std::string reason) {
  refusals_.push_back({frame.prefix + name_of(node), op_name(node), std::move(reason)});
  for (const std::string& output : node.output())
    if (!output.empty()) scope.refused.insert(output);
}

void Importer::run_nodes(Scope& scope, Nodes& nodes, const std::vector<std::string>& wanted, const Frame& frame) {
  if (frame.depth > kDeepest)
    throw Error(ErrorCode::kData, "functions and branches are nested deeper than " + std::to_string(kDeepest))
        .at({.file = path_, .node = frame.prefix});
  for (const int index : node_order(nodes, wanted, scope, path_)) run_node(scope, nodes[index], frame);
}

void Importer::run_node(Scope& scope, wire::NodeProto& node, const Frame& frame) {
  if (++nodes_ > kMostNodes)
    throw Error(ErrorCode::kData, "the model has more than " + std::to_string(kMostNodes) + " nodes, its functions opened")
        .at({.file = path_});
  AttributeMap attributes;
  for (auto& attribute : *node.mutable_attribute()) {
    wire::AttributeProto* meant = &attribute;
    if (!attribute.ref_attr_name().empty()) {
      const auto given = frame.attributes == nullptr ? AttributeMap::const_iterator() : frame.attributes->find(attribute.ref_attr_name());
      if (frame.attributes == nullptr || given == frame.attributes->end()) continue;  // left out by the caller: as if it did not stand here
      meant = given->second;
    }
    attributes[attribute.name()] = meant;
  }
  try {
    if (run_function(scope, node, frame, attributes)) return;
    if (node.op_type() == "If" && domain_of(node.domain()).empty()) return run_branch(scope, node, frame, attributes);
    run_operator(scope, node, frame, attributes);
  } catch (Error& error) {
    if (error.code() == ErrorCode::kUnsupported && error.place().node.empty()) return refuse(scope, node, frame, error.message());
    if (error.place().known()) throw;
    throw error.at({.file = path_, .node = frame.prefix + name_of(node)});
  }
}

std::vector<Item*> Importer::inputs_of(Scope& scope, const wire::NodeProto& node) const {
  std::vector<Item*> inputs;
  for (const std::string& input : node.input()) inputs.push_back(input.empty() ? nullptr : scope.find(input));
  while (!inputs.empty() && inputs.back() == nullptr) inputs.pop_back();
  return inputs;
}

void Importer::keep(Scope& scope, const wire::NodeProto& node, std::vector<std::optional<Item>> results, bool all) {
  for (size_t i = 0; i < results.size(); ++i) {
    const std::string& name = node.output(static_cast<int>(i));
    if (name.empty()) continue;
    if (results[i]) {
      scope.items.insert_or_assign(name, std::move(*results[i]));
    } else if (all) {
      throw Error(ErrorCode::kUnsupported, "its output " + std::to_string(i) + ", " + quoted(name) + ", is not computed");
    }
  }
}

void Importer::run_operator(Scope& scope, wire::NodeProto& node, const Frame& frame, const AttributeMap& attributes) {
  const std::string domain = domain_of(node.domain());
  const auto version = frame.opsets->find(domain);
  const int64_t opset = version == frame.opsets->end() ? (domain.empty() ? kNewestOpset : 1) : version->second;
  bool known = false;
  const Operator* op = find_operator(domain, node.op_type(), opset, known);
  if (op == nullptr)
    return refuse(scope, node, frame, known ? "not supported in operator set " + std::to_string(opset) : "this operator is not supported");
  const bool poisoned =
      std::any_of(node.input().begin(), node.input().end(), [&](const std::string& input) { return scope.is_refused(input); });
  if (poisoned) {
    for (const std::string& output : node.output()) scope.refused.insert(output);
    return;
  }
  const std::vector<Item*> inputs = inputs_of(scope, node);
  builder_.set_name(frame.prefix + name_of(node));
  std::vector<std::optional<Item>> results;
  if (fold(*op, inputs, node, attributes, opset, results)) return keep(scope, node, std::move(results), true);
  Call call(builder_, node.op_type(), opset, inputs, static_cast<size_t>(node.output_size()), attributes, path_, false);
  op->import(call);
  keep(scope, node, std::move(call.results), true);
}

bool Importer::fold(const Operator& op, const std::vector<Item*>& inputs, const wire::NodeProto& node, const AttributeMap& attributes,
                    int64_t version, std::vector<std::optional<Item>>& results) {
  if (inputs.empty()) return false;
  const auto all = [&](auto&& holds) {
    return std::all_of(inputs.begin(), inputs.end(), [&](const Item* item) { return item == nullptr || holds(*item); });
  };
  const size_t outputs = static_cast<size_t>(node.output_size());
  ir::Graph scratch;
  ir::Builder builder(scratch);
  builder.set_name(builder_.name());
  if (op.fold && all([](const Item& item) { return item.dims.has_value() || item.tensor.has_value(); }) &&
      !all([](const Item& item) { return item.tensor.has_value(); })) {
    Call call(builder, node.op_type(), version, inputs, outputs, attributes, path_, true);
    if (op.fold(call)) return results = std::move(call.results), true;
    return false;
  }
  if (!all([](const Item& item) { return item.tensor && !item.parameter && item.tensor->size() <= kMostFolded; })) return false;
  Call call(builder, node.op_type(), version, inputs, outputs, attributes, path_, true);
  op.import(call);
  std::vector<ir::Value> wanted;
  for (const auto& result : call.results) {
    if (!result || result->tensor) continue;
    if (!result->type.shape.is_constant() || result->type.shape.element_count().constant() > kMostFolded || !result->value.valid())
      return false;
    wanted.push_back(result->value);
  }
  scratch.set_results(wanted);
  const std::vector<Tensor> tensors = ir::evaluate(scratch, {});
  size_t next = 0;
  results = std::move(call.results);
  for (auto& result : results)
    if (result && !result->tensor) result = item_of(tensors[next++]);
  return true;
}

bool Importer::run_function(Scope& scope, wire::NodeProto& node, const Frame& frame, const AttributeMap& attributes) {
  wire::FunctionProto* function = nullptr;
  for (auto& each : *model_.mutable_functions())
    if (each.name() == node.op_type() && domain_of(each.domain()) == domain_of(node.domain()) && each.overload() == node.overload())
      function = &each;
  if (function == nullptr) return false;
  if (std::find(active_.begin(), active_.end(), function) != active_.end())
    throw Error(ErrorCode::kData, "the function " + quoted(function->name()) + " calls itself")
        .at({.file = path_, .node = frame.prefix + name_of(node)});
  if (node.input_size() > function->input_size() || node.output_size() > function->output_size())
    throw Error(ErrorCode::kData, "it has more inputs or outputs than the function " + quoted(function->name()))
        .at({.file = path_, .node = frame.prefix + name_of(node)});
  AttributeMap given;
  for (auto& fallback : *function->mutable_attribute_proto()) given[fallback.name()] = &fallback;
  for (const auto& [name, attribute] : attributes) given[name] = attribute;
  Scope inner;
  for (int i = 0; i < function->input_size(); ++i) {
    const std::string outer = i < node.input_size() ? node.input(i) : std::string();
    if (scope.is_refused(outer)) inner.refused.insert(function->input(i));
    // An input that is left out is, inside, a name without an item: the nodes that read it see it as left out.
    else if (Item* item = outer.empty() ? nullptr : scope.find(outer)) inner.items[function->input(i)] = *item;
  }
  Opsets opsets = read_opsets(function->opset_import());
  std::vector<std::string> wanted;
  for (int i = 0; i < node.output_size(); ++i)
    if (!node.output(i).empty()) wanted.push_back(function->output(i));
  active_.push_back(function);
  Nodes nodes = function->node();  // a copy: inputs that are left out are erased from it
  for (auto& inside : nodes)
    for (std::string& input : *inside.mutable_input())
      if (std::find(function->input().begin(), function->input().end(), input) != function->input().end() && !inner.knows(input))
        input.clear();
  run_nodes(inner, nodes, wanted, {&opsets, &given, frame.prefix + name_of(node) + "/", frame.depth + 1});
  active_.pop_back();
  for (int i = 0; i < node.output_size(); ++i) {
    if (node.output(i).empty()) continue;
    if (inner.is_refused(function->output(i))) scope.refused.insert(node.output(i));
    else scope.items.insert_or_assign(node.output(i), *inner.find(function->output(i)));
  }
  return true;
}

void Importer::run_branch(Scope& scope, wire::NodeProto& node, const Frame& frame, const AttributeMap& attributes) {
  const std::vector<Item*> inputs = inputs_of(scope, node);
  if (node.input_size() > 0 && scope.is_refused(node.input(0))) {
    for (const std::string& output : node.output()) scope.refused.insert(output);
    return;
  }
  if (inputs.empty() || inputs[0] == nullptr) throw Error(ErrorCode::kType, "If: its condition is missing");
  const bool known = inputs[0]->tensor && inputs[0]->tensor->size() == 1 && inputs[0]->tensor->dtype() == DType::kBool;
  if (!known) return refuse(scope, node, frame, "a condition that is known at run time only is not compiled yet");
  const auto chosen = attributes.find(inputs[0]->tensor->get_integer(0) ? "then_branch" : "else_branch");
  if (chosen == attributes.end() || !chosen->second->has_g()) throw Error(ErrorCode::kType, "If: a branch is missing");
  wire::GraphProto& graph = *chosen->second->mutable_g();
  if (graph.output_size() < node.output_size()) throw Error(ErrorCode::kType, "If: a branch has fewer outputs than the node");
  Scope inner(&scope);
  for (const auto& tensor : graph.initializer()) {
    wire::TensorProto copy = tensor;
    inner.items[tensor.name()] = item_of(take_tensor(copy, {path_, tensor.name()}));
  }
  std::vector<std::string> wanted;
  for (const auto& output : graph.output()) wanted.push_back(output.name());
  run_nodes(inner, *graph.mutable_node(), wanted, {frame.opsets, frame.attributes, frame.prefix + name_of(node) + "/", frame.depth + 1});
  for (int i = 0; i < node.output_size(); ++i) {
    if (inner.is_refused(wanted[static_cast<size_t>(i)])) scope.refused.insert(node.output(i));
    else scope.items.insert_or_assign(node.output(i), *inner.find(wanted[static_cast<size_t>(i)]));
  }
}

}  // namespace sinter::onnx
