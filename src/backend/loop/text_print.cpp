#include "backend/loop/text.h"
#include "base/text.h"

namespace sinter::loop {
namespace {

class Printer {
 public:
  explicit Printer(const Kernel& kernel) : kernel_(kernel) {}

  std::string print() {
    line("loops " + std::to_string(kLoopTextVersion));
    open("kernel " + kernel_.name);
    if (!kernel_.dims.empty()) line("dims " + joined(kernel_.dims, [](const std::string& name) { return name; }));
    line("tiles " + kernel_.tiles.to_string());
    if (kernel_.failure_sites > 0) line("failure_sites " + std::to_string(kernel_.failure_sites));
    for (const Buffer& buffer : kernel_.buffers) {
      static constexpr std::string_view kUses[] = {"read", "write", "readwrite", "scratch"};
      line(std::string(kUses[static_cast<size_t>(buffer.use)]) + " " + buffer.name + ": " + TensorType{buffer.dtype, buffer.shape}.to_string());
    }
    body(kernel_.body);
    close();
    return std::move(text_);
  }

  std::string first_line(const Statement& one) {
    std::visit([this](const auto& node) { statement(node); }, one.node);
    return text_.substr(0, text_.find('\n'));
  }

 private:
  void line(const std::string& content) { text_ += std::string(indent_, ' ') + content + "\n"; }
  void open(const std::string& head) {
    line(head + " {");
    indent_ += 4;
  }
  void close(const std::string& tail = "}") {
    indent_ -= 4;
    line(tail);
  }

  template <class List, class Spell> static std::string joined(const List& list, const Spell& spell) {
    std::string all;
    for (const auto& item : list) all += (all.empty() ? "" : ", ") + spell(item);
    return all;
  }
  static std::string dims(const std::vector<Dim>& list) {
    return joined(list, [](const Dim& dim) { return dim.to_string(); });
  }
  static std::string ranges(const std::vector<Range>& list) {
    return joined(list, [](const Range& range) { return range.lower.to_string() + " <= " + range.value.to_string() + " < " + range.upper.to_string(); });
  }
  /// Broken kernels print too, for the messages about them.
  std::string buffer(int32_t index) const {
    const bool exists = index >= 0 && static_cast<size_t>(index) < kernel_.buffers.size();
    return exists ? kernel_.buffers[static_cast<size_t>(index)].name : "?";
  }
  std::string element(int32_t index, const std::vector<Dim>& indices) const { return buffer(index) + "[" + dims(indices) + "]"; }

  static std::string number(const Expression& e) {
    if (e.dtype == DType::kF32) return to_text(static_cast<float>(e.number)) + ": f32";
    if (is_float(e.dtype)) return to_text(e.number) + ": " + std::string(sinter::name(e.dtype));
    if (e.dtype == DType::kBool) return e.integer != 0 ? "true" : "false";
    return std::to_string(e.integer) + ": " + std::string(sinter::name(e.dtype));
  }

  std::string expression(const ExpressionRef& e) const {
    if (!e) return "?";
    const auto arguments = [&] { return joined(e->arguments, [this](const ExpressionRef& argument) { return expression(argument); }); };
    switch (e->kind) {
      case Expression::Kind::kConstant: return number(*e);
      case Expression::Kind::kIndex: return "index(" + e->index.to_string() + ")";
      case Expression::Kind::kLoad: return element(e->buffer, e->indices);
      case Expression::Kind::kName: return e->name;
      case Expression::Kind::kGuarded: return "guarded(" + ranges(e->ranges) + "; " + arguments() + ")";
      case Expression::Kind::kApply: break;
    }
    const bool converts = e->op == ScalarOp::kCast || e->op == ScalarOp::kBitcast;
    return std::string(sinter::name(e->op)) + "(" + arguments() + (converts ? ", " + std::string(sinter::name(e->dtype)) : "") + ")";
  }

  void body(const Body& statements) {
    for (const Statement& one : statements) std::visit([this](const auto& node) { statement(node); }, one.node);
  }

  void statement(const For& s) {
    static constexpr std::string_view kKinds[] = {"", " unrolled", " vector "};
    std::string head = "for " + s.variable + " in " + s.extent.to_string() + std::string(kKinds[static_cast<size_t>(s.kind)]);
    if (s.kind == LoopKind::kVector) head += std::to_string(s.lanes);
    open(head);
    body(s.body);
    close();
  }
  void statement(const Let& s) { line("let " + s.name + ": " + typed(s.value)); }
  void statement(const Declare& s) { line("var " + s.name + ": " + typed(s.initial)); }
  void statement(const Update& s) { line("update " + s.name + " " + std::string(sinter::name(s.op)) + " " + expression(s.value)); }
  void statement(const Assign& s) { line("assign " + s.name + " = " + expression(s.value)); }
  void statement(const Store& s) {
    const std::string hint = s.stream_beyond != 0 ? " beyond " + std::to_string(s.stream_beyond) : "";
    line("store " + element(s.buffer, s.indices) + hint + " = " + expression(s.value));
  }
  void statement(const Prefetch& s) { line("prefetch " + element(s.buffer, s.indices)); }
  void statement(const CheckedIndex& s) {
    line("checked " + s.variable + " < " + s.upper.to_string() + " site " + std::to_string(s.site) + " = " + expression(s.value));
  }
  void statement(const If& s) {
    open("if " + ranges(s.ranges));
    body(s.then);
    if (!s.otherwise.empty()) {
      indent_ -= 4;
      open("} else");
      body(s.otherwise);
    }
    close();
  }
  void statement(const Contract& s) {
    const auto operand = [&](const ContractOperand& o) {
      const std::string rows = o.table < 0 ? ", stride " + o.stride.to_string() : ", rows " + std::string(buffer(o.table)) + " from " + o.first.to_string();
      return buffer(o.buffer) + "(offset " + o.offset.to_string() + rows + ", depth_stride " + o.depth_stride.to_string() +
             ", batch_stride " + o.batch_stride.to_string() + ")";
    };
    open(std::string("contract ") + buffer(s.c) + "(offset " + s.c_offset.to_string() + ", row_stride " + s.c_row_stride.to_string() + ")" +
         (s.accumulate ? " accumulate" : "") + (s.accumulate && s.after != Dim(1) ? " after " + s.after.to_string() : "") + (s.a_raised ? " raised" : "") + (s.a_spread ? " spread" : ""));
    line("a " + operand(s.a));
    line("b " + operand(s.b));
    if (s.ahead >= 0) line("ahead " + buffer(s.ahead) + "(offset " + s.ahead_offset.to_string() + ", depth_stride " + s.ahead_stride.to_string() + ")");
    line("rows " + s.rows.to_string() + " at most " + std::to_string(s.max_rows));
    line("columns " + s.columns.to_string() + " at most " + std::to_string(s.max_columns));
    line("depth " + s.depth.to_string());
    line("batches " + s.batches.to_string());
    close();
  }
  void statement(const Transpose& s) {
    open("transpose " + buffer(s.to) + "(offset " + s.offset.to_string() + ", row_stride " + s.row_stride.to_string() + ")");
    line("from " + buffer(s.from) + "(offset " + s.from_offset.to_string() + ", column_stride " + s.column_stride.to_string() + ")");
    line("rows " + s.rows.to_string());
    line("columns " + s.columns.to_string() + (s.filled != 0 ? " filled " + std::to_string(s.filled) : ""));
    close();
  }
  std::string typed(const ExpressionRef& e) const { return (e ? std::string(sinter::name(e->dtype)) : "?") + " = " + expression(e); }

  const Kernel& kernel_;
  std::string text_;
  size_t indent_ = 0;
};

}  // namespace

std::string print(const Kernel& kernel) { return Printer(kernel).print(); }

std::string first_line(const Kernel& kernel, const Statement& statement) { return Printer(kernel).first_line(statement); }

}  // namespace sinter::loop
