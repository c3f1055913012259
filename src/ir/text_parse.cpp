// The parser of the graph text; the printer is text_print.cpp, the format docs/graph_text.md.
//
// Texts may be hostile: nesting is bounded, and memory is taken only for elements that the text spells out
// or that stay below a bound.
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "base/text.h"
#include "ir/op_def.h"
#include "ir/text.h"

namespace sinter::ir {

namespace {

constexpr int kDeepestNesting = 64;
constexpr int64_t kLargestSplatBytes = int64_t{1} << 28;  // in one text

class Parser {
 public:
  Parser(std::string_view text, const std::string& file) : cursor_(text, file) {}

  Module parse_module();
  Graph parse_single_graph();

 private:
  using Mark = TextCursor::Mark;

  Mark here() {
    cursor_.skip_spaces();
    return cursor_.mark();
  }
  [[noreturn]] void fail(Mark mark, ErrorCode code, const std::string& message, const std::string& hint = {}) const;
  /// The same with "did you mean" when one of `known` is close.
  template <class Range>
  [[noreturn]] void fail_unknown(Mark mark, const std::string& what, const std::string& word, const Range& known) const;
  /// Runs `body`; its errors get the place of `mark` if they have none, and the codes that the header promises.
  template <class Body> auto located(Mark mark, Body&& body);

  void parse_header(Module& module);
  void parse_variable(Module& module);
  void parse_function(Module& module);
  const Variable& parse_variable_name(const Module& module);
  void parse_function_argument(const Module& module, Function& function, const TensorType& type, Mark type_mark);
  void parse_function_results(const Module& module, Function& function);
  Graph parse_region();

  /// Arguments and nodes up to `return`, which is consumed. `argument(type, type_mark)` reads what follows the word argument.
  template <class Argument> void parse_lines(Graph& graph, Argument&& argument);
  void parse_node(Graph& graph, std::vector<std::pair<TensorType, Mark>> results);
  std::vector<Graph> parse_regions(const OpDef& op);
  void check_results(const OpDef& op, const std::vector<TensorType>& inferred, const std::vector<std::pair<TensorType, Mark>>& written,
                     Mark op_mark);
  const OpDef& parse_op();
  void parse_new_value(const Graph& graph, size_t offset);
  Value parse_value(const Graph& graph);
  TensorType parse_type();

  Attributes parse_attributes(const OpDef& op);
  Attribute parse_attribute(AttributeKind kind);
  bool parse_bool();
  Integers parse_integers();
  Tensor parse_tensor();
  Tensor parse_elements(const TensorType& type, Mark type_mark);
  void parse_element(Tensor& tensor, int64_t index);
  template <class T> void parse_integer_element(Tensor& tensor, int64_t index);

  TextCursor cursor_;
  std::map<std::string, size_t, std::less<>> variables_;  // where each is in the module
  std::set<std::string> functions_;
  std::set<std::string> arguments_, results_;  // variables of the current function
  int depth_ = 0;
  int64_t splat_bytes_ = 0;
};

// ---- errors ----

void Parser::fail(Mark mark, ErrorCode code, const std::string& message, const std::string& hint) const {
  Error error(code, message);
  if (!hint.empty()) error.hint(hint);
  error.at(cursor_.place(mark));
  throw error;
}

template <class Range>
void Parser::fail_unknown(Mark mark, const std::string& what, const std::string& word, const Range& known) const {
  const std::string suggestion = closest(word, known);
  fail(mark, ErrorCode::kName, "unknown " + what + " " + word, suggestion.empty() ? "" : "did you mean " + suggestion + "?");
}

template <class Body> auto Parser::located(Mark mark, Body&& body) {
  try {
    return body();
  } catch (const Error& error) {
    const bool is_size = error.code() == ErrorCode::kCheck;  // sizes that overflow, a check at run time; here a wrong type
    if (error.place().known() && !is_size) throw;
    Error placed(is_size ? ErrorCode::kType : error.code(), error.message());
    if (!error.rule().empty()) placed.rule(error.rule());
    if (!error.hint().empty()) placed.hint(error.hint());
    placed.at(error.place().known() ? error.place() : cursor_.place(mark));
    throw placed;
  }
}

// ---- module ----

Module Parser::parse_module() {
  Module module;
  parse_header(module);
  while (!cursor_.at_end()) {
    const Mark mark = here();
    if (cursor_.accept("variable")) {
      if (!module.functions.empty()) fail(mark, ErrorCode::kSyntax, "variables come before the first function");
      parse_variable(module);
    } else if (cursor_.accept("function")) {
      parse_function(module);
    } else {
      cursor_.fail("expected variable or function");
    }
  }
  return module;
}

void Parser::parse_header(Module& module) {
  cursor_.expect("sir", "the first line of a graph text, `sir " + std::to_string(kGraphTextVersion) + "`");
  const Mark mark = here();
  const int64_t version = cursor_.expect_integer("the version of the graph text");
  if (version != kGraphTextVersion) {
    fail(mark, ErrorCode::kSyntax,
         "this is version " + std::to_string(version) + " of the graph text, only version " + std::to_string(kGraphTextVersion) + " can be read");
  }
  cursor_.expect("module");
  module.name = cursor_.expect_word("the module's name");
}

void Parser::parse_variable(Module& module) {
  const Mark name_mark = here();
  Variable variable;
  variable.name = cursor_.expect_path("the variable's name");
  if (!variables_.emplace(variable.name, module.variables.size()).second) {
    fail(name_mark, ErrorCode::kName, "two variables are named " + variable.name);
  }
  cursor_.expect(":", "the variable's type");
  const Mark type_mark = here();
  variable.type = parse_type();

  const Mark role_mark = here();
  const std::string word = cursor_.expect_word("the variable's role");
  const std::optional<Role> role = parse_role(word);
  if (!role) fail_unknown(role_mark, "role", word, std::vector<std::string>{"input", "parameter", "state", "constant", "output", "prepared"});
  variable.role = *role;
  const bool kept = variable.role == Role::kParameter || variable.role == Role::kState || variable.role == Role::kConstant ||
                    variable.role == Role::kPrepared;
  if (kept && !variable.type.shape.is_constant()) {
    fail(type_mark, ErrorCode::kType, "a " + word + " cannot have the symbolic shape " + variable.type.shape.to_string());
  }
  if (variable.role == Role::kConstant) variable.value = parse_elements(variable.type, type_mark);
  module.variables.push_back(std::move(variable));
}

void Parser::parse_function(Module& module) {
  const Mark name_mark = here();
  Function function;
  function.name = cursor_.expect_word("the function's name");
  if (!functions_.insert(function.name).second) fail(name_mark, ErrorCode::kName, "two functions are named " + function.name);
  cursor_.expect("{");
  arguments_.clear();
  results_.clear();
  parse_lines(function.graph,
              [&](const TensorType& type, Mark type_mark) { parse_function_argument(module, function, type, type_mark); });
  parse_function_results(module, function);
  cursor_.expect("}", "the function's end");
  module.functions.push_back(std::move(function));
}

const Variable& Parser::parse_variable_name(const Module& module) {
  const Mark mark = here();
  cursor_.expect("@", "a variable");
  const std::string path = cursor_.expect_path("the variable's name");
  if (const auto found = variables_.find(path); found != variables_.end()) return module.variables[found->second];
  std::vector<std::string> names;
  for (const auto& [name, index] : variables_) names.push_back(name);
  fail_unknown(mark, "variable", path, names);
}

void Parser::parse_function_argument(const Module& module, Function& function, const TensorType& type, Mark type_mark) {
  const Mark mark = here();
  const Variable& variable = parse_variable_name(module);
  if (!arguments_.insert(variable.name).second) fail(mark, ErrorCode::kName, "two arguments read " + variable.name);
  if (variable.role == Role::kOutput) fail(mark, ErrorCode::kType, "an argument cannot read the output " + variable.name);
  if (variable.type != type) {
    fail(type_mark, ErrorCode::kType, "variable " + variable.name + " has type " + variable.type.to_string() + ", not " + type.to_string());
  }
  function.arguments.push_back(variable.name);
}

void Parser::parse_function_results(const Module& module, Function& function) {
  std::vector<Value> results;
  if (!cursor_.peek("}")) {
    do {
      const Mark mark = here();
      const Variable& variable = parse_variable_name(module);
      if (!results_.insert(variable.name).second) fail(mark, ErrorCode::kName, "two results write " + variable.name);
      if (variable.role == Role::kInput || variable.role == Role::kConstant) {
        fail(mark, ErrorCode::kType, "a result cannot write the " + std::string(name(variable.role)) + " " + variable.name);
      }
      cursor_.expect("=", "the variable's value");
      const Mark value_mark = here();
      const Value value = parse_value(function.graph);
      if (function.graph.type(value) != variable.type) {
        fail(value_mark, ErrorCode::kType, "variable " + variable.name + " has type " + variable.type.to_string() + ", the value " +
                                               function.graph.type(value).to_string());
      }
      function.results.push_back(variable.name);
      results.push_back(value);
    } while (cursor_.accept(","));
  }
  function.graph.set_results(std::move(results));
}

// ---- graphs ----

Graph Parser::parse_single_graph() {
  Graph graph = parse_region();
  if (!cursor_.at_end()) cursor_.fail("expected the end of the graph");
  return graph;
}

Graph Parser::parse_region() {
  if (++depth_ > kDeepestNesting) fail(here(), ErrorCode::kSyntax, "regions are nested more than " + std::to_string(kDeepestNesting) + " deep");
  Graph graph;
  parse_lines(graph, [&](const TensorType&, Mark) {
    const Mark mark = here();
    const int64_t index = cursor_.expect_integer("the argument's position");
    if (index != graph.argument_count()) fail(mark, ErrorCode::kSyntax, "expected argument " + std::to_string(graph.argument_count()));
  });
  std::vector<Value> results;
  if (cursor_.peek("%")) {
    do {
      results.push_back(parse_value(graph));
    } while (cursor_.accept(","));
  }
  graph.set_results(std::move(results));
  --depth_;
  return graph;
}

template <class Argument> void Parser::parse_lines(Graph& graph, Argument&& argument) {
  while (!cursor_.accept("return")) {
    std::vector<std::pair<TensorType, Mark>> results;
    if (cursor_.peek("%")) {
      do {
        parse_new_value(graph, results.size());
        cursor_.expect(":", "the value's type");
        const Mark mark = here();
        results.emplace_back(parse_type(), mark);
      } while (cursor_.accept(","));
      cursor_.expect("=", "what the value is");
    }
    const Mark mark = here();
    if (results.size() == 1 && cursor_.accept("argument")) {
      if (!graph.nodes().empty()) fail(mark, ErrorCode::kSyntax, "arguments come before the first node");
      argument(results[0].first, results[0].second);
      graph.add_argument(results[0].first);
    } else {
      parse_node(graph, std::move(results));
    }
  }
}

void Parser::parse_node(Graph& graph, std::vector<std::pair<TensorType, Mark>> results) {
  const Mark op_mark = here();
  Node node;
  node.op = &parse_op();
  std::vector<TensorType> operand_types;
  if (!node.op->operands.empty() && cursor_.peek("%")) {
    do {
      node.operands.push_back(parse_value(graph));
      operand_types.push_back(graph.type(node.operands.back()));
    } while (cursor_.accept(","));
  }
  node.attributes = parse_attributes(*node.op);
  if (cursor_.peek("\"")) node.name = cursor_.expect_string("the node's name");
  node.regions = parse_regions(*node.op);
  const std::vector<TensorType> inferred =
      located(op_mark, [&] { return infer_types(*node.op, operand_types, node.attributes, node.regions); });
  check_results(*node.op, inferred, results, op_mark);
  graph.append(std::move(node), inferred);
}

std::vector<Graph> Parser::parse_regions(const OpDef& op) {
  std::vector<Graph> regions;
  for (const std::string& region : op.regions) {
    cursor_.expect(region, "a region of " + op.name);
    cursor_.expect("{");
    regions.push_back(parse_region());
    cursor_.expect("}", "the region's end");
  }
  return regions;
}

void Parser::check_results(const OpDef& op, const std::vector<TensorType>& inferred, const std::vector<std::pair<TensorType, Mark>>& written,
                           Mark op_mark) {
  if (inferred.size() != written.size()) {
    fail(op_mark, ErrorCode::kType, "op " + op.name + " has " + std::to_string(inferred.size()) +
                                        (inferred.size() == 1 ? " result" : " results") + ", the text names " + std::to_string(written.size()));
  }
  for (size_t i = 0; i < inferred.size(); ++i) {
    if (inferred[i] != written[i].first) {
      fail(written[i].second, ErrorCode::kType, "op " + op.name + " gives " + inferred[i].to_string() + ", the text says " +
                                                    written[i].first.to_string());
    }
  }
}

const OpDef& Parser::parse_op() {
  const Mark mark = here();
  const std::string word = cursor_.expect_word("an op");
  const OpRegistry& registry = OpRegistry::instance();
  if (const OpDef* op = registry.find(word)) return *op;
  std::vector<std::string> names;
  for (const auto& op : registry.all()) names.push_back(op->name);
  fail_unknown(mark, "op", word, names);
}

void Parser::parse_new_value(const Graph& graph, size_t offset) {
  const Mark mark = here();
  cursor_.expect("%", "a value");
  const int64_t id = cursor_.expect_integer("the value's number");
  const int64_t expected = graph.value_count() + static_cast<int64_t>(offset);
  if (id == expected) return;
  const std::string text = "%" + std::to_string(id);
  if (id >= 0 && id < expected) fail(mark, ErrorCode::kName, "two values are named " + text);
  fail(mark, ErrorCode::kName, "values are numbered in order: expected %" + std::to_string(expected) + ", not " + text);
}

Value Parser::parse_value(const Graph& graph) {
  const Mark mark = here();
  cursor_.expect("%", "a value");
  const int64_t id = cursor_.expect_integer("the value's number");
  if (id < 0 || id >= graph.value_count()) fail(mark, ErrorCode::kName, "unknown value %" + std::to_string(id));
  return Value{static_cast<int32_t>(id)};
}

TensorType Parser::parse_type() {
  const Mark mark = here();
  TensorType type = located(mark, [&] { return cursor_.expect_type(); });
  for (const Dim& dim : type.shape) {
    if (dim.as_constant().value_or(0) < 0) fail(mark, ErrorCode::kType, "a negative dim in " + type.to_string());
  }
  return type;
}

// ---- attributes ----

Attributes Parser::parse_attributes(const OpDef& op) {
  Attributes attributes;
  if (!cursor_.accept("{")) return attributes;
  do {
    const Mark mark = here();
    const std::string word = cursor_.expect_word("an attribute");
    const AttributeDef* def = op.find_attribute(word);
    if (def == nullptr) {
      std::vector<std::string> names;
      for (const AttributeDef& known : op.attributes) names.push_back(known.name);
      fail_unknown(mark, "attribute of " + op.name + ":", word, names);
    }
    if (attributes.contains(word)) fail(mark, ErrorCode::kName, "attribute " + word + " is given twice");
    cursor_.expect("=", "the attribute's value");
    attributes.emplace(word, located(here(), [&] { return parse_attribute(def->kind); }));
  } while (cursor_.accept(","));
  cursor_.expect("}", "the end of the attributes");
  return attributes;
}

Attribute Parser::parse_attribute(AttributeKind kind) {
  switch (kind) {
    case AttributeKind::kBool: return parse_bool();
    case AttributeKind::kInteger: return cursor_.expect_integer("an integer");
    case AttributeKind::kNumber: return cursor_.expect_number("a number");
    case AttributeKind::kString: return cursor_.expect_string("a text in quotes");
    case AttributeKind::kDType: return cursor_.expect_dtype();
    case AttributeKind::kIntegers: return parse_integers();
    case AttributeKind::kDim: {
      cursor_.expect("dim", "a dim such as dim(2*batch)");
      cursor_.expect("(");
      Dim dim = cursor_.expect_dim();
      cursor_.expect(")");
      return dim;
    }
    case AttributeKind::kShape: cursor_.expect("shape", "a shape such as shape[batch, 32]"); return cursor_.expect_shape();
    case AttributeKind::kTensor: return parse_tensor();
  }
  throw InternalError("unknown attribute kind", __FILE__, __LINE__);
}

bool Parser::parse_bool() {
  if (cursor_.accept("true")) return true;
  if (!cursor_.accept("false")) cursor_.fail("expected true or false");
  return false;
}

Integers Parser::parse_integers() {
  Integers values;
  cursor_.expect("[", "a list of integers");
  if (cursor_.accept("]")) return values;
  do {
    values.push_back(cursor_.expect_integer("an integer"));
  } while (cursor_.accept(","));
  cursor_.expect("]", "the end of the list");
  return values;
}

Tensor Parser::parse_tensor() {
  const Mark mark = here();
  const TensorType type = parse_type();
  return parse_elements(type, mark);
}

Tensor Parser::parse_elements(const TensorType& type, Mark type_mark) {
  if (!type.shape.is_constant()) fail(type_mark, ErrorCode::kType, "the elements of a tensor of symbolic shape " + type.shape.to_string());
  const Extents extents = type.shape.evaluate({});
  const int64_t count = located(type_mark, [&] { return element_count(extents); });
  cursor_.expect("{", "the elements of " + type.to_string());
  const bool splat = count > 0 && cursor_.accept("splat");
  // Each listed element takes at least one character, so that memory stays in proportion to the text.
  const int64_t room = splat ? (kLargestSplatBytes - splat_bytes_) / static_cast<int64_t>(size_in_bytes(type.dtype))
                             : static_cast<int64_t>(cursor_.rest().size());
  if (count > room) {
    fail(type_mark, ErrorCode::kType, splat ? "the elements of " + type.to_string() + " are too many for a text"
                                            : "the text ends before the " + std::to_string(count) + " elements of " + type.to_string());
  }
  Tensor tensor(type.dtype, extents);
  if (splat) {
    splat_bytes_ += static_cast<int64_t>(tensor.bytes());
    parse_element(tensor, 0);
    const size_t size = size_in_bytes(type.dtype);
    char* data = static_cast<char*>(tensor.raw());
    for (size_t offset = size; offset < tensor.bytes(); ++offset) data[offset] = data[offset - size];
  } else {
    for (int64_t i = 0; i < count; ++i) {
      if (i > 0 && !cursor_.accept(",")) cursor_.fail("expected " + std::to_string(count) + " elements, found " + std::to_string(i));
      parse_element(tensor, i);
    }
  }
  if (!cursor_.accept("}")) cursor_.fail("expected } after the " + std::to_string(count) + " elements of " + type.to_string());
  return tensor;
}

void Parser::parse_element(Tensor& tensor, int64_t index) {
  const Mark mark = here();
  switch (tensor.dtype()) {
    case DType::kBool: tensor.data<bool>()[index] = parse_bool(); return;
    case DType::kF64: tensor.data<double>()[index] = cursor_.expect_number("a number"); return;
    case DType::kF32: {
      cursor_.expect_number("a number");
      // Read again as f32: rounding to f64 first could round twice.
      const std::string_view text = cursor_.source().substr(mark.offset, cursor_.offset() - mark.offset);
      const auto read = std::from_chars(text.data(), text.data() + text.size(), tensor.data<float>()[index]);
      if (read.ec != std::errc()) fail(mark, ErrorCode::kType, std::string(text) + " is out of the range of f32");
      return;
    }
    case DType::kF16:
    case DType::kBF16: {
      const double number = cursor_.expect_number("a number");
      tensor.set(index, number);
      if (std::isfinite(number) && !std::isfinite(tensor.get(index)))
        fail(mark, ErrorCode::kType, to_text(number) + " is out of the range of " + std::string(name(tensor.dtype())));
      return;
    }
    case DType::kI8: return parse_integer_element<int8_t>(tensor, index);
    case DType::kI16: return parse_integer_element<int16_t>(tensor, index);
    case DType::kI32: return parse_integer_element<int32_t>(tensor, index);
    case DType::kI64: return parse_integer_element<int64_t>(tensor, index);
    case DType::kU8: return parse_integer_element<uint8_t>(tensor, index);
    case DType::kU16: return parse_integer_element<uint16_t>(tensor, index);
    case DType::kU32: return parse_integer_element<uint32_t>(tensor, index);
    case DType::kU64: return parse_integer_element<uint64_t>(tensor, index);
  }
  fail(mark, ErrorCode::kUnsupported, "elements of this dtype cannot be read yet", "cast to f32");
}

template <class T> void Parser::parse_integer_element(Tensor& tensor, int64_t index) {
  const Mark mark = here();
  const std::string_view rest = cursor_.rest();
  const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), tensor.data<T>()[index]);
  if (read.ec == std::errc::result_out_of_range) {
    fail(mark, ErrorCode::kType, "the integer is out of the range of " + std::string(name(tensor.dtype())));
  }
  if (read.ec != std::errc()) cursor_.fail("expected an integer");
  cursor_.reset({mark.offset + static_cast<size_t>(read.ptr - rest.data())});
}

}  // namespace

Module parse_module(std::string_view text, const std::string& file) { return Parser(text, file).parse_module(); }

Graph parse_graph(std::string_view text, const std::string& file) { return Parser(text, file).parse_single_graph(); }

}  // namespace sinter::ir
