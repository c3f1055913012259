#include "ir/describe.h"

#include "ir/op_def.h"
#include "ir/text.h"

namespace sinter::ir {

namespace {

/// How ops of one kind of lowering are introduced. One row per alternative of Lowering, in the order of the variant.
struct Group {
  const char* title;
  const char* doc;
};
constexpr Group kGroups[] = {
    {"Not native", "Evaluated, printed and checked, but not compiled yet."},
    {"Elementwise", "The same scalar expression for each element; all operands and the result have equal shapes."},
    {"Reductions", "Elements combined over axes."},
    {"Contractions", "Sums of products over axes of two tensors."},
    {"Windows", "A window that slides over axes."},
    {"Views", "Elements moved, none computed. A kernel that reads the result reads the operand in its place."},
    {"Index ops", "Elements made from indices, or found by them."},
    {"Control", "Ops with regions."},
    {"Composites", "Ops with an expansion into others, which is what is compiled."},
    {"Opaque", "Calls of routines in runtime/kernel."},
};
static_assert(std::size(kGroups) == std::variant_size_v<Lowering>);

std::string words_of(const AttributeDef& attribute) {
  std::string words(name(attribute.kind));
  if (attribute.fallback) words += ", " + print(*attribute.fallback) + " when absent";
  return words;
}

/// "gather(data, indices) {axis}".
std::string signature(const OpDef& op) {
  std::string text = op.name + "(";
  for (const OperandDef& operand : op.operands) text += (text.back() == '(' ? "" : ", ") + operand.name + (operand.variadic ? "..." : "");
  text += ")";
  std::string attributes;
  for (const AttributeDef& attribute : op.attributes) attributes += (attributes.empty() ? " {" : ", ") + attribute.name;
  if (!attributes.empty()) text += attributes + "}";
  for (const std::string& region : op.regions) text += " " + region + " { ... }";
  return text;
}

std::string gradient_of(const OpDef& op) {
  if (const auto* none = std::get_if<NotDifferentiable>(&op.gradient)) return "Not differentiable: " + none->reason + ".";
  return std::holds_alternative<GradientRule>(op.gradient) ? "Differentiable." : "Differentiable through its expansion.";
}

std::string section(const OpDef& op) {
  std::string text = "### " + op.name + "\n`" + signature(op) + "`\n\n" + op.doc + "\n\n";
  const auto item = [&](const std::string& name, const std::string& doc) { text += "- " + name + ": " + doc + "\n"; };
  for (const OperandDef& operand : op.operands) item("`" + operand.name + "`" + (operand.variadic ? " (any number)" : ""), operand.doc);
  for (const AttributeDef& attribute : op.attributes) item("`" + attribute.name + "` (" + words_of(attribute) + ")", attribute.doc);
  for (const Rule& rule : op.rules) item(rule.label, rule.text);
  text += "\n" + gradient_of(op);
  if (const auto* reason = std::get_if<NotNative>(&op.lowering)) text += " Not native: " + reason->reason + ".";
  if (op.ulp > 0) text += " Native f32 code is within " + std::to_string(op.ulp) + " ULP.";
  return text + "\n\n";
}

}  // namespace

std::string describe_ops() {
  std::string index, sections;
  for (size_t place = 1; place <= std::size(kGroups); ++place) {
    const size_t kind = place % std::size(kGroups);  // what is not native comes last
    std::string links, group;
    for (const auto& op : OpRegistry::instance().all()) {
      if (op->lowering.index() != kind) continue;
      links += (links.empty() ? "" : ", ") + ("[" + op->name + "](#" + op->name + ")");
      group += section(*op);
    }
    if (group.empty()) continue;
    index += "- **" + std::string(kGroups[kind].title) + "**: " + links + "\n";
    sections += "## " + std::string(kGroups[kind].title) + "\n" + kGroups[kind].doc + "\n\n" + group;
  }
  sections.pop_back();  // one newline ends the file
  return "# Ops\n\n"
         "Every op of the graph, made from its record in `src/ir/ops` (`SINTER_REFRESH=1 build/bin/test_ir --gtest_filter='Describe.*'` "
         "writes this file anew). "
         "Operands stand in parentheses, attributes in braces; C1, C2, ... are the rules that errors name. "
         "What each computes to the bit is in [decisions/004-numbers.md](decisions/004-numbers.md), how to add one in "
         "[add_an_op.md](add_an_op.md).\n\n" +
         index + "\n" + sections;
}

}  // namespace sinter::ir
