// The parser of the loop text; the printer is text_print.cpp, the format docs/loop_language.md. Texts may be hostile: nesting is bounded,
// and what parses is verified before anybody sees it.
#include <charconv>
#include <map>
#include <vector>

#include "backend/loop/text.h"
#include "backend/loop/verify.h"
#include "base/text.h"

namespace sinter::loop {
namespace {

constexpr int kDeepestNesting = 500;  // of statements and of expressions together

class Parser {
 public:
  Parser(std::string_view text, const std::string& file) : cursor_(text, file) {}

  Kernel parse() {
    const Mark begin = here();
    cursor_.expect("loops", "and a version, to begin a kernel");
    const Mark version = here();
    if (cursor_.expect_integer("the version of the loop text") != kLoopTextVersion)
      fail(version, ErrorCode::kSyntax, "this version of the loop text is not known",
           "this program reads version " + std::to_string(kLoopTextVersion));
    head();
    while (!cursor_.accept("}")) kernel_.body.push_back(statement());
    if (!cursor_.at_end()) cursor_.fail("expected the end of the text after the kernel");
    check(begin);
    return std::move(kernel_);
  }

 private:
  using Mark = TextCursor::Mark;

  Mark here() {
    cursor_.skip_spaces();
    return cursor_.mark();
  }

  [[noreturn]] void fail(Mark mark, ErrorCode code, const std::string& message, const std::string& hint = {}) const {
    Error error(code, message);
    if (!hint.empty()) error.hint(hint);
    throw error.at(cursor_.place(mark));
  }
  template <class Map> [[noreturn]] void fail_unknown(Mark mark, const std::string& what, const std::string& word, const Map& known) const {
    std::vector<std::string> names;
    for (const auto& [name, entry] : known) names.push_back(name);
    const std::string suggestion = closest(word, names);
    fail(mark, ErrorCode::kName, "unknown " + what + " " + word, suggestion.empty() ? "" : "did you mean " + suggestion + "?");
  }

  /// Runs `body`; its errors get the place of `mark` if they have none, and the codes that the header promises.
  template <class Body> auto located(Mark mark, Body&& body) {
    try {
      return body();
    } catch (const Error& error) {
      const bool of_dims = error.code() == ErrorCode::kCheck;  // arithmetic of constants that overflows
      if (error.place().known() && !of_dims) throw;
      Error placed(of_dims ? ErrorCode::kType : error.code(), error.message());
      if (!error.hint().empty()) placed.hint(error.hint());
      throw placed.at(error.place().known() ? error.place() : cursor_.place(mark));
    }
  }

  void check(Mark begin) const {
    const std::optional<Problem> problem = find_problem(kernel_);
    if (!problem) return;
    Mark mark = begin;
    if (problem->buffer >= 0) mark = buffer_marks_[static_cast<size_t>(problem->buffer)];
    if (problem->statement >= 0) mark = statement_marks_[static_cast<size_t>(problem->statement)];
    throw Error(problem->code, problem->what).rule(problem->rule).at(cursor_.place(mark));
  }

  // ---- head ----

  void head() {
    cursor_.expect("kernel");
    kernel_.name = cursor_.expect_word("the kernel's name");
    cursor_.expect("{", "to begin the kernel");
    if (cursor_.accept("dims")) {
      do {
        kernel_.dims.push_back(cursor_.expect_word("the name of a dim"));
      } while (cursor_.accept(","));
    }
    cursor_.expect("tiles", "and how many there are");
    kernel_.tiles = dim();
    if (cursor_.accept("failure_sites")) kernel_.failure_sites = small_integer("the number of failure sites");
    while (const auto use = buffer_use()) {
      const Mark mark = here();
      Buffer buffer{cursor_.expect_word("the name of a buffer"), DType::kF32, {}, *use};
      cursor_.expect(":", "and the buffer's type");
      const TensorType type = located(here(), [&] { return cursor_.expect_type(); });
      buffer.dtype = type.dtype;
      buffer.shape = type.shape;
      buffers_.try_emplace(buffer.name, static_cast<int32_t>(kernel_.buffers.size()));
      kernel_.buffers.push_back(std::move(buffer));
      buffer_marks_.push_back(mark);
    }
  }

  std::optional<BufferUse> buffer_use() {
    if (cursor_.accept("read")) return BufferUse::kRead;
    if (cursor_.accept("write")) return BufferUse::kWrite;
    if (cursor_.accept("readwrite")) return BufferUse::kReadWrite;
    if (cursor_.accept("scratch")) return BufferUse::kScratch;
    return std::nullopt;
  }

  // ---- pieces ----

  Dim dim() {
    return located(here(), [&] { return cursor_.expect_dim(); });
  }

  int32_t small_integer(std::string_view what) {
    const Mark mark = here();
    const int64_t value = cursor_.expect_integer(what);
    if (value < 0 || value > INT32_MAX) fail(mark, ErrorCode::kType, std::string(what) + " is " + std::to_string(value) + ", not a count");
    return static_cast<int32_t>(value);
  }

  int32_t buffer() {
    const Mark mark = here();
    const std::string name = cursor_.expect_word("the name of a buffer");
    const auto found = buffers_.find(name);
    if (found == buffers_.end()) fail_unknown(mark, "buffer", name, buffers_);
    return found->second;
  }

  std::vector<Dim> indices() {
    std::vector<Dim> list;
    cursor_.expect("[", "and the indices of an element");
    if (cursor_.accept("]")) return list;
    do {
      list.push_back(dim());
    } while (cursor_.accept(","));
    cursor_.expect("]", "to end the indices");
    return list;
  }

  std::vector<Range> ranges() {
    std::vector<Range> list;
    do {
      Range range;
      range.lower = dim();
      cursor_.expect("<=", "and the value of a range");
      range.value = dim();
      cursor_.expect("<", "and the limit of a range");
      range.upper = dim();
      list.push_back(std::move(range));
    } while (cursor_.accept(","));
    return list;
  }

  /// `label` and a dim.
  Dim labelled(std::string_view label) {
    cursor_.expect(label);
    return dim();
  }

  struct Nested {
    explicit Nested(Parser& parser) : parser(parser) {
      if (++parser.depth_ > kDeepestNesting)
        parser.cursor_.fail("the kernel is nested too deeply", "at most " + std::to_string(kDeepestNesting) + " levels");
    }
    ~Nested() { --parser.depth_; }
    Parser& parser;
  };

  // ---- expressions ----

  ExpressionRef expression() {
    const Nested nested(*this);
    const Mark mark = here();
    if (cursor_.accept("true")) return integer_constant(DType::kBool, 1);
    if (cursor_.accept("false")) return integer_constant(DType::kBool, 0);
    const std::string_view rest = cursor_.rest();
    const bool is_number = !rest.empty() && (rest[0] == '-' || (rest[0] >= '0' && rest[0] <= '9'));
    if (is_number || cursor_.peek("inf") || cursor_.peek("nan")) return number();
    const std::string word = cursor_.expect_word("an expression");
    if (cursor_.peek("[")) {
      cursor_.reset(mark);
      const int32_t index = buffer();
      return load(index, kernel_.buffers[static_cast<size_t>(index)].dtype, indices());
    }
    if (cursor_.accept("(")) return call(mark, word);
    const auto found = names_.find(word);
    if (found == names_.end()) fail_unknown(mark, "name", word, names_);
    return named(word, found->second);
  }

  ExpressionRef number() {
    const Mark mark = here();
    const std::optional<int64_t> integer = cursor_.accept_integer();
    Expression e;
    e.number = integer ? static_cast<double>(*integer) : cursor_.expect_number("a constant");
    const std::string_view digits = cursor_.source().substr(mark.offset, cursor_.offset() - mark.offset);
    cursor_.expect(":", "and the constant's dtype");
    e.dtype = cursor_.expect_dtype();
    if (!is_float(e.dtype)) {
      if (!integer || e.dtype == DType::kBool) fail(mark, ErrorCode::kType, "this is no constant of " + std::string(name(e.dtype)));
      e.integer = *integer;
      e.number = 0;
    } else if (e.dtype == DType::kF32) {  // read as what it is: by way of f64 it could be rounded twice
      float value = 0;
      const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
      e.number = read.ec == std::errc() ? value : static_cast<double>(static_cast<float>(e.number));
    }
    return std::make_shared<const Expression>(std::move(e));
  }

  ExpressionRef call(Mark mark, const std::string& word) {
    if (word == "index") {
      ExpressionRef index = index_value(dim());
      cursor_.expect(")", "after an index");
      return index;
    }
    Expression e;
    if (word == "guarded") {
      e.kind = Expression::Kind::kGuarded;
      e.ranges = ranges();
      cursor_.expect(";", "after the ranges of a guard");
      e.arguments.push_back(expression());
      cursor_.expect(",", "between the two sides of a guard");
      e.arguments.push_back(expression());
      cursor_.expect(")", "after a guard");
      e.dtype = e.arguments[0]->dtype;
      return std::make_shared<const Expression>(std::move(e));
    }
    const auto op = parse_scalar_op(word);
    if (!op) fail_unknown(mark, "operation", word, operations());
    e.kind = Expression::Kind::kApply;
    e.op = *op;
    std::vector<DType> dtypes;
    for (int i = 0; i < arity(*op); ++i) {
      if (i > 0) cursor_.expect(",", "and another argument of " + word);
      e.arguments.push_back(expression());
      dtypes.push_back(e.arguments.back()->dtype);
    }
    std::optional<DType> to;
    if (*op == ScalarOp::kCast || *op == ScalarOp::kBitcast) {
      cursor_.expect(",", "and the dtype of the result");
      to = cursor_.expect_dtype();
    }
    cursor_.expect(")", "after the arguments of " + word);
    e.dtype = located(mark, [&] { return result_dtype(*op, dtypes, to); });
    return std::make_shared<const Expression>(std::move(e));
  }

  static std::map<std::string, int> operations() {
    std::map<std::string, int> all{{"index", 0}, {"guarded", 0}};
    for (int i = 0; i < kScalarOpCount; ++i) all.emplace(name(static_cast<ScalarOp>(i)), i);
    return all;
  }

  // ---- statements ----

  Statement statement() {
    const Nested nested(*this);
    const Mark mark = here();
    statement_marks_.push_back(mark);
    const std::string word = cursor_.expect_word("a statement or '}'");
    if (word == "for") return {for_loop()};
    if (word == "let") return define<Let>();
    if (word == "var") return define<Declare>();
    if (word == "update") return {update()};
    if (word == "assign") return {assign()};
    if (word == "store") return {store()};
    if (word == "prefetch") return {prefetch()};
    if (word == "checked") return {checked()};
    if (word == "if") return {branch()};
    if (word == "contract") return {contract()};
    if (word == "transpose") return {transpose()};
    static const std::map<std::string, int> kWords{{"for", 0},   {"let", 0},     {"var", 0}, {"update", 0},  {"assign", 0},
                                                   {"store", 0}, {"checked", 0}, {"if", 0},  {"contract", 0},
                                                   {"transpose", 0}, {"prefetch", 0}};
    fail_unknown(mark, "statement", word, kWords);
  }

  /// The statements up to the closing brace; names defined in them are forgotten.
  Body block() {
    cursor_.expect("{", "to begin a body");
    const std::map<std::string, DType, std::less<>> outer = names_;
    Body statements;
    while (!cursor_.accept("}")) statements.push_back(statement());
    names_ = outer;
    return statements;
  }

  For for_loop() {
    For loop;
    loop.variable = cursor_.expect_word("the variable of the loop");
    cursor_.expect("in", "and the extent of the loop");
    loop.extent = dim();
    if (cursor_.accept("unrolled")) {
      loop.kind = LoopKind::kUnrolled;
    } else if (cursor_.accept("vector")) {
      loop.kind = LoopKind::kVector;
      loop.lanes = small_integer("the number of lanes");
    }
    loop.body = block();
    return loop;
  }

  template <class Definition> Statement define() {
    const Mark mark = here();
    std::string name = cursor_.expect_word("a new name");
    cursor_.expect(":", "and the dtype");
    const DType dtype = cursor_.expect_dtype();
    cursor_.expect("=");
    ExpressionRef value = expression();
    if (value->dtype != dtype)
      fail(mark, ErrorCode::kType,
           "'" + name + "' is declared " + std::string(sinter::name(dtype)) + ", its value is " + std::string(sinter::name(value->dtype)));
    names_[name] = dtype;
    return {Definition{std::move(name), std::move(value)}};
  }

  Update update() {
    Update s;
    s.name = cursor_.expect_word("the name of an accumulator");
    const Mark mark = here();
    const std::string word = cursor_.expect_word("an operation");
    const auto op = parse_scalar_op(word);
    if (!op) fail_unknown(mark, "operation", word, operations());
    s.op = *op;
    s.value = expression();
    return s;
  }

  Assign assign() {
    Assign s;
    s.name = cursor_.expect_word("the name of an accumulator");
    cursor_.expect("=");
    s.value = expression();
    return s;
  }

  Store store() {
    Store s;
    s.buffer = buffer();
    s.indices = indices();
    if (cursor_.accept("beyond")) s.stream_beyond = cursor_.expect_integer("a number of bytes");
    cursor_.expect("=");
    s.value = expression();
    return s;
  }

  Prefetch prefetch() {
    Prefetch s;
    s.buffer = buffer();
    s.indices = indices();
    return s;
  }

  CheckedIndex checked() {
    CheckedIndex s;
    s.variable = cursor_.expect_word("the name of the index");
    s.upper = labelled("<");
    cursor_.expect("site", "and its number");
    s.site = small_integer("the failure site");
    cursor_.expect("=");
    s.value = expression();
    return s;
  }

  If branch() {
    If s;
    s.ranges = ranges();
    s.then = block();
    if (cursor_.accept("else")) s.otherwise = block();
    return s;
  }

  ContractOperand operand(std::string_view label) {
    ContractOperand o;
    cursor_.expect(label);
    o.buffer = buffer();
    cursor_.expect("(");
    o.offset = labelled("offset");
    cursor_.expect(",");
    if (cursor_.accept("rows")) {
      o.table = buffer();
      o.first = labelled("from");
    } else {
      o.stride = labelled("stride");
    }
    cursor_.expect(",");
    o.depth_stride = labelled("depth_stride");
    cursor_.expect(",");
    o.batch_stride = labelled("batch_stride");
    cursor_.expect(")");
    return o;
  }

  int at_most() {
    cursor_.expect("at");
    cursor_.expect("most");
    return small_integer("the size of the register tile");
  }

  Contract contract() {
    Contract s;
    s.c = buffer();
    cursor_.expect("(");
    s.c_offset = labelled("offset");
    cursor_.expect(",");
    s.c_row_stride = labelled("row_stride");
    cursor_.expect(")");
    s.accumulate = cursor_.accept("accumulate");
    if (s.accumulate && cursor_.accept("after")) s.after = dim();
    s.a_raised = cursor_.accept("raised");
    s.a_spread = cursor_.accept("spread");
    cursor_.expect("{");
    s.a = operand("a");
    s.b = operand("b");
    if (cursor_.accept("ahead")) {
      s.ahead = buffer();
      cursor_.expect("(");
      s.ahead_offset = labelled("offset");
      cursor_.expect(",");
      s.ahead_stride = labelled("depth_stride");
      cursor_.expect(")");
    }
    s.rows = labelled("rows");
    s.max_rows = at_most();
    s.columns = labelled("columns");
    s.max_columns = at_most();
    s.depth = labelled("depth");
    s.batches = labelled("batches");
    cursor_.expect("}", "to end the contract");
    return s;
  }

  Transpose transpose() {
    Transpose s;
    s.to = buffer();
    cursor_.expect("(");
    s.offset = labelled("offset");
    cursor_.expect(",");
    s.row_stride = labelled("row_stride");
    cursor_.expect(")");
    cursor_.expect("{");
    cursor_.expect("from");
    s.from = buffer();
    cursor_.expect("(");
    s.from_offset = labelled("offset");
    cursor_.expect(",");
    s.column_stride = labelled("column_stride");
    cursor_.expect(")");
    s.rows = labelled("rows");
    s.columns = labelled("columns");
    if (cursor_.accept("filled")) s.filled = small_integer("the number of filled columns");
    cursor_.expect("}", "to end the transpose");
    return s;
  }

  TextCursor cursor_;
  Kernel kernel_;
  std::map<std::string, int32_t, std::less<>> buffers_;
  std::map<std::string, DType, std::less<>> names_;  // in scope
  std::vector<Mark> buffer_marks_, statement_marks_;
  int depth_ = 0;
};

}  // namespace

Kernel parse_kernel(std::string_view text, const std::string& file) { return Parser(text, file).parse(); }

}  // namespace sinter::loop
