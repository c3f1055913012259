// The printer of the graph text; the parser is text_parse.cpp, the format docs/graph_text.md.
#include <cmath>
#include <type_traits>

#include "base/text.h"
#include "ir/op_def.h"
#include "ir/text.h"

namespace sinter::ir {

namespace {

constexpr int kIndent = 4;

template <class T> std::string element_text(T value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_floating_point_v<T>) {
    return to_text(value);
  } else {
    return std::to_string(value);
  }
}

template <class T> bool same_text(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
  } else {
    return a == b;
  }
}

template <class Get> std::string elements_text(int64_t count, const Get& get) {
  bool splat = count > 1;
  for (int64_t i = 1; splat && i < count; ++i) splat = same_text(get(0), get(i));
  if (splat) return "{splat " + element_text(get(0)) + "}";
  std::string text = "{";
  for (int64_t i = 0; i < count; ++i) {
    if (i > 0) text += ", ";
    text += element_text(get(i));
  }
  return text + "}";
}

/// The elements in braces, without the type.
std::string elements_text(const Tensor& tensor) {
  if (is_narrow(tensor.dtype())) return elements_text(tensor.size(), [&](int64_t i) { return static_cast<float>(tensor.get(i)); });
  return visit_dtype(tensor.dtype(), [&]<class T>(T) {
    const T* data = tensor.data<T>();
    return elements_text(tensor.size(), [&](int64_t i) { return data[i]; });
  });
}

struct AttributePrinter {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return to_text(value); }
  std::string operator()(const std::string& value) const { return quoted(value); }
  std::string operator()(DType value) const { return std::string(name(value)); }
  std::string operator()(const Integers& value) const { return to_string(value); }
  std::string operator()(const Dim& value) const { return "dim(" + value.to_string() + ")"; }
  std::string operator()(const Shape& value) const { return "shape" + value.to_string(); }
  std::string operator()(const Tensor& value) const { return value.type_string() + elements_text(value); }
};

std::string value_text(Value value) { return "%" + std::to_string(value.id); }

/// How a graph names its arguments and results: those of functions by variable, those of regions by position.
struct Naming {
  const Function* function = nullptr;
  std::string argument(int32_t index) const {
    return function == nullptr ? std::to_string(index) : "@" + function->arguments.at(static_cast<size_t>(index));
  }
  std::string result(size_t index) const { return function == nullptr ? "" : "@" + function->results.at(index) + " = "; }
};

void print_graph(std::string& out, const Graph& graph, const Naming& naming, size_t indent);

void print_node(std::string& out, const Graph& graph, const Node& node, size_t indent) {
  out.append(indent, ' ');
  for (size_t i = 0; i < node.results.size(); ++i) {
    if (i > 0) out += ", ";
    out += value_text(node.results[i]) + ": " + graph.type(node.results[i]).to_string();
  }
  if (!node.results.empty()) out += " = ";
  out += node.op->name;
  for (size_t i = 0; i < node.operands.size(); ++i) out += (i == 0 ? " " : ", ") + value_text(node.operands[i]);
  bool first = true;
  for (const auto& [attribute_name, attribute] : node.attributes) {
    out += (first ? " {" : ", ") + attribute_name + " = " + print(attribute);
    first = false;
  }
  if (!first) out += "}";
  if (!node.name.empty()) out += " " + quoted(node.name);
  for (size_t i = 0; i < node.regions.size(); ++i) {
    out += " " + node.op->regions.at(i) + " {\n";
    print_graph(out, node.regions[i], {}, indent + kIndent);
    out.append(indent, ' ');
    out += "}";
  }
  out += "\n";
}

void print_graph(std::string& out, const Graph& graph, const Naming& naming, size_t indent) {
  for (int32_t i = 0; i < graph.argument_count(); ++i) {
    out.append(indent, ' ');
    out += value_text(graph.argument(i)) + ": " + graph.type(graph.argument(i)).to_string() + " = argument " + naming.argument(i) + "\n";
  }
  for (const Node& node : graph.nodes()) print_node(out, graph, node, indent);
  out.append(indent, ' ');
  out += "return";
  for (size_t i = 0; i < graph.results().size(); ++i) out += (i == 0 ? " " : ", ") + naming.result(i) + value_text(graph.results()[i]);
  out += "\n";
}

}  // namespace

std::string print(const Attribute& attribute) { return std::visit(AttributePrinter(), attribute); }

std::string print(const Graph& graph, int indent) {
  std::string out;
  print_graph(out, graph, {}, static_cast<size_t>(indent));
  return out;
}

std::string print(const Module& module) {
  std::string out = "sir " + std::to_string(kGraphTextVersion) + "\nmodule " + module.name + "\n";
  if (!module.variables.empty()) out += "\n";
  for (const Variable& variable : module.variables) {
    out += "variable " + variable.name + ": " + variable.type.to_string() + " " + std::string(name(variable.role));
    if (variable.value) out += " " + elements_text(*variable.value);
    out += "\n";
  }
  for (const Function& function : module.functions) {
    out += "\nfunction " + function.name + " {\n";
    print_graph(out, function.graph, {&function}, kIndent);
    out += "}\n";
  }
  return out;
}

}  // namespace sinter::ir
