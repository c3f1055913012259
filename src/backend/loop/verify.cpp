#include "backend/loop/verify.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "backend/loop/scalar_eval.h"
#include "backend/loop/text.h"

namespace sinter::loop {
namespace {

constexpr int64_t kMostScratchBytes = int64_t{1} << 32;
constexpr int64_t kMostUnrolled = 64;
constexpr int kMostLanes = 64;

bool is_word(std::string_view text) {
  const auto starts = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !text.empty() && starts(text[0]) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return starts(c) || (c >= '0' && c <= '9'); });
}

bool in_range(DType dtype, int64_t value) {
  if (dtype == DType::kBool) return value == 0 || value == 1;
  const size_t bits = size_in_bytes(dtype) * 8;
  if (bits == 64) return true;
  return is_signed_integer(dtype) ? value >= -(int64_t{1} << (bits - 1)) && value < (int64_t{1} << (bits - 1))
                                  : value >= 0 && value < (int64_t{1} << bits);
}

bool is_update(ScalarOp op) {
  return op == ScalarOp::kAdd || op == ScalarOp::kMultiply || op == ScalarOp::kMaximum || op == ScalarOp::kMinimum ||
         op == ScalarOp::kAnd || op == ScalarOp::kOr;
}

class Verifier {
 public:
  explicit Verifier(const Kernel& kernel) : kernel_(kernel) {}

  std::optional<Problem> find() {
    try {
      head();
      body(kernel_.body);
      return std::nullopt;
    } catch (Problem& problem) {
      return std::move(problem);
    } catch (const Error& error) {  // dims that overflow, dtypes that an operation refuses
      return problem(error.code() == ErrorCode::kName ? error.code() : ErrorCode::kType, "L5", error.message());
    }
  }

 private:
  struct Name {
    DType dtype;
    bool accumulator;
    bool varies;     // differs between lanes
    bool in_vector;  // defined inside the vector loop at hand
  };

  Problem problem(ErrorCode code, std::string rule, std::string what) const {
    Problem result{code, std::move(rule), std::move(what), buffer_, statement_, {}};
    if (buffer_ >= 0) result.place = "buffer " + kernel_.buffers[static_cast<size_t>(buffer_)].name;
    if (current_ != nullptr) result.place = first_line(kernel_, *current_);
    return result;
  }
  [[noreturn]] void fail(const char* rule, std::string what, ErrorCode code = ErrorCode::kType) const {
    throw problem(code, rule, std::move(what));
  }
  void require(bool holds, const char* rule, const char* what) const {
    if (!holds) fail(rule, what);
  }

  // ---- names ----

  void define(const std::string& name, const char* what) {
    if (!is_word(name)) fail("L1", std::string(what) + " has a name that is no word: '" + name + "'", ErrorCode::kName);
    const bool is_number = name == "true" || name == "false" || name == "inf" || name == "nan";
    if (is_number || !taken_.insert(name).second)
      fail("L1", std::string(what) + " takes the name '" + name + "', which means something else", ErrorCode::kName);
  }
  void define_symbol(const std::string& name, bool varies, const char* what) {
    define(name, what);
    symbols_[name] = varies;
    scope_.push_back(&symbols_.find(name)->first);
  }
  void define_name(const std::string& name, Name entry, const char* what) {
    define(name, what);
    names_[name] = entry;
    scope_.push_back(&names_.find(name)->first);
  }
  void close_scope(size_t size) {
    for (; scope_.size() > size; scope_.pop_back()) {
      const std::string name = *scope_.back();
      symbols_.erase(name);
      names_.erase(name);
    }
  }

  // ---- head ----

  void head() {
    require(is_word(kernel_.name), "L1", "the kernel's name is no word");
    taken_.insert("tile");
    for (const std::string& dim : kernel_.dims) {
      if (!is_word(dim) || !taken_.insert(dim).second)
        fail("L1", "the dim '" + dim + "' is no word, or its name is taken", ErrorCode::kName);
      symbols_[dim] = false;
    }
    check(kernel_.tiles);
    require(kernel_.failure_sites >= 0, "L10", "the number of failure sites is negative");
    bool scratch = false;
    int64_t scratch_bytes = 0;
    std::unordered_set<std::string> buffers;
    for (const Buffer& buffer : kernel_.buffers) {
      ++buffer_;
      if (!is_word(buffer.name) || !buffers.insert(buffer.name).second)
        fail("L1", "the buffer's name is no word, or it is taken", ErrorCode::kName);
      for (const Dim& dim : buffer.shape) check(dim);
      if (buffer.use != BufferUse::kScratch) {
        require(!scratch, "L2", "a buffer of the caller comes after scratch");
        continue;
      }
      scratch = true;
      int64_t bytes = static_cast<int64_t>(size_in_bytes(buffer.dtype));
      for (const Dim& dim : buffer.shape) {
        const auto size = dim.as_constant();
        require(size && *size >= 0, "L2", "scratch has no constant size");
        require(*size == 0 || bytes <= kMostScratchBytes / *size, "L2", "scratch is larger than 4 GB");
        bytes *= *size;
      }
      scratch_bytes += bytes;
      require(scratch_bytes <= kMostScratchBytes, "L2", "scratch is larger than 4 GB");
    }
    buffer_ = -1;
    symbols_["tile"] = false;
  }

  // ---- dims: each returns whether the value differs between lanes ----

  bool check(const Dim& dim) {
    if (dim.is_constant()) return false;
    used_.clear();
    dim.collect_symbols(used_);
    bool varies = false;
    for (const std::string& symbol : used_) {
      const auto found = symbols_.find(symbol);
      if (found == symbols_.end()) fail("L3", "the symbol '" + symbol + "' means nothing here", ErrorCode::kName);
      varies = varies || found->second;
    }
    return varies;
  }
  void uniform(const Dim& dim, const char* what) {
    if (check(dim)) fail("L8", std::string(what) + " differs between lanes: " + dim.to_string());
  }
  bool check(const std::vector<Range>& ranges) {
    require(!ranges.empty(), "L5", "a condition without ranges");
    bool varies = false;
    for (const Range& range : ranges)
      for (const Dim* dim : {&range.value, &range.lower, &range.upper}) varies = check(*dim) || varies;
    return varies;
  }

  const Buffer& buffer(int32_t index) const {
    require(index >= 0 && static_cast<size_t>(index) < kernel_.buffers.size(), "L6", "there is no such buffer");
    return kernel_.buffers[static_cast<size_t>(index)];
  }
  bool element(const Buffer& buffer, const std::vector<Dim>& indices) {
    if (indices.size() != buffer.shape.rank())
      fail("L6", buffer.name + " has " + std::to_string(buffer.shape.rank()) + " axes, but " + std::to_string(indices.size()) +
                     " indices are given");
    bool varies = false;
    for (const Dim& dim : indices) varies = check(dim) || varies;
    return varies;
  }

  // ---- expressions ----

  /// Shared parts are checked once per statement.
  bool check(const ExpressionRef& e) {
    require(e != nullptr, "L5", "an expression is missing");
    const auto found = checked_.find(e.get());
    if (found != checked_.end()) return found->second;
    const bool result = varies(*e);
    checked_.emplace(e.get(), result);
    return result;
  }

  bool varies(const Expression& e) {
    switch (e.kind) {
      case Expression::Kind::kConstant:
        if (!is_float(e.dtype) && !in_range(e.dtype, e.integer))
          fail("L5", std::to_string(e.integer) + " is no " + std::string(name(e.dtype)));
        return false;
      case Expression::Kind::kIndex: require(e.dtype == DType::kI64, "L5", "an index is an i64"); return check(e.index);
      case Expression::Kind::kLoad:
        require(buffer(e.buffer).dtype == e.dtype, "L5", "a load has another dtype than its buffer");
        return element(buffer(e.buffer), e.indices);
      case Expression::Kind::kName: return name_varies(e);
      case Expression::Kind::kGuarded: {
        require(e.arguments.size() == 2, "L5", "a guard has two sides");
        bool varies = check(e.ranges);
        for (const ExpressionRef& side : e.arguments) {
          varies = check(side) || varies;
          require(side->dtype == e.dtype, "L5", "the sides of a guard have other dtypes");
        }
        return varies;
      }
      case Expression::Kind::kApply: break;
    }
    return apply_varies(e);
  }

  bool name_varies(const Expression& e) const {
    const auto found = names_.find(e.name);
    if (found == names_.end()) fail("L4", "the name '" + e.name + "' is not defined here", ErrorCode::kName);
    const Name& entry = found->second;
    require(entry.dtype == e.dtype, "L5", "a name is used with another dtype than its own");
    if (entry.accumulator && in_vector_ && !entry.in_vector && updates_.contains(e.name))
      fail("L9", "the accumulator '" + e.name + "' is read in the vector loop that updates it");
    return entry.varies;
  }

  bool apply_varies(const Expression& e) {
    std::vector<DType> dtypes;
    std::vector<bool> differ;
    for (const ExpressionRef& argument : e.arguments) {
      differ.push_back(check(argument));
      dtypes.push_back(argument->dtype);
    }
    require(result_dtype(e.op, dtypes, e.dtype) == e.dtype, "L5", "an operation claims another dtype than its result has");
    if (!is_defined(e.op, dtypes)) fail("L5", std::string(name(e.op)) + " is not defined for " + std::string(name(dtypes.back())));
    if (e.op == ScalarOp::kBitcast) require(e.dtype != DType::kBool, "L5", "bits are not taken as bool");
    if (e.op == ScalarOp::kRandomBits)
      require(!differ[0] && !differ[1] && !differ[2], "L8", "seed, step or stream of random bits differs between lanes");
    return std::find(differ.begin(), differ.end(), true) != differ.end();
  }

  // ---- statements ----

  void body(const Body& statements) {
    const size_t outer = scope_.size();
    for (const Statement& one : statements) {
      ++statement_;
      current_ = &one;
      checked_.clear();
      std::visit([this](const auto& node) { statement(node); }, one.node);
    }
    close_scope(outer);
  }

  void statement(const For& s) {
    uniform(s.extent, "the extent");
    const bool vector = s.kind == LoopKind::kVector;
    if (s.kind == LoopKind::kUnrolled) {
      const auto extent = s.extent.as_constant();
      require(extent && *extent >= 0 && *extent <= kMostUnrolled, "L7", "the extent of an unrolled loop is a constant up to 64");
    }
    if (vector) {
      require(!in_vector_, "L7", "vector loops do not nest");
      require(s.lanes >= 1 && s.lanes <= kMostLanes && (s.lanes & (s.lanes - 1)) == 0, "L7",
              "the number of lanes is no power of two up to 64");
      in_vector_ = true;
      updates_.clear();
      collect_updates(s.body);
    } else {
      require(s.lanes == 1, "L7", "only vector loops have lanes");
    }
    const size_t outer = scope_.size();
    define_symbol(s.variable, vector, "the loop");
    body(s.body);
    close_scope(outer);
    if (vector) in_vector_ = false;
  }

  /// Accumulators that a vector loop updates, with the operation; those declared inside it are among them and do no harm.
  void collect_updates(const Body& statements) {
    for (const Statement& one : statements) {
      if (const auto* update = std::get_if<Update>(&one.node)) {
        updates_.try_emplace(update->name, update->op);
      } else if (const auto* loop = std::get_if<For>(&one.node)) {
        collect_updates(loop->body);
      } else if (const auto* branch = std::get_if<If>(&one.node)) {
        collect_updates(branch->then);
        collect_updates(branch->otherwise);
      }
    }
  }

  void statement(const Let& s) {
    const bool varies = check(s.value);
    define_name(s.name, {s.value->dtype, false, varies, in_vector_}, "the let");
  }
  void statement(const Declare& s) {
    check(s.initial);
    define_name(s.name, {s.initial->dtype, true, in_vector_, in_vector_}, "the accumulator");
  }

  const Name& accumulator(const std::string& name, const ExpressionRef& value) {
    const auto found = names_.find(name);
    if (found == names_.end() || !found->second.accumulator) fail("L4", "there is no accumulator '" + name + "' here", ErrorCode::kName);
    check(value);
    require(value->dtype == found->second.dtype, "L5", "the accumulator has another dtype");
    return found->second;
  }
  void statement(const Update& s) {
    const Name& entry = accumulator(s.name, s.value);
    require(is_update(s.op) && is_defined(s.op, {entry.dtype, entry.dtype}), "L9", "accumulators are not updated by this operation");
    if (in_vector_ && !entry.in_vector && updates_.at(s.name) != s.op)
      fail("L9", "the accumulator '" + s.name + "' is updated by two operations in one vector loop");
  }
  void statement(const Assign& s) {
    const Name& entry = accumulator(s.name, s.value);
    require(!in_vector_ || entry.in_vector, "L9", "the accumulator is assigned in a vector loop and declared outside it");
  }

  void statement(const Store& s) {
    const Buffer& to = buffer(s.buffer);
    require(to.use != BufferUse::kRead, "L6", "a buffer that is only read is written");
    const bool varies = element(to, s.indices);
    check(s.value);
    require(s.value->dtype == to.dtype, "L5", "the buffer has another dtype than what is stored");
    require(varies || !in_vector_, "L8", "all lanes store to one element");
    require(s.stream_beyond >= 0, "L6", "the size beyond which a store streams is negative");
  }

  void statement(const Prefetch& s) { element(buffer(s.buffer), s.indices); }

  void statement(const CheckedIndex& s) {
    const bool varies = check(s.value);
    require(is_integer(s.value->dtype), "L10", "a checked index is made of an integer");
    require(s.site >= 0 && s.site < kernel_.failure_sites, "L10", "there is no such failure site");
    uniform(s.upper, "the limit of a checked index");
    define_symbol(s.variable, varies, "the checked index");
  }

  void statement(const If& s) {
    require(!check(s.ranges), "L8", "the branch differs between lanes");
    body(s.then);
    body(s.otherwise);
  }

  void statement(const Contract& s) {
    require(!in_vector_, "L8", "a contract stands in a vector loop");
    const Buffer &c = buffer(s.c), &a = buffer(s.a.buffer), &b = buffer(s.b.buffer);
    if (contract_group(a.dtype, b.dtype) > 1) {
      require(c.dtype == (a.dtype == DType::kBF16 ? DType::kF32 : DType::kI32), "L11", "C of a contract of words is f32 by bf16, i32 by bytes");
      require(s.a.depth_stride == Dim(1) && !s.a_spread, "L11", "A of a contract of words has its depth side by side");
    } else {
      require(a.dtype == c.dtype && b.dtype == c.dtype && is_defined(ScalarOp::kMultiply, {c.dtype, c.dtype}), "L11",
              "the buffers of a contract have one number dtype");
    }
    require(s.b.table < 0 && (s.a.table < 0 || (buffer(s.a.table).dtype == DType::kI64 && !s.a_spread && contract_group(a.dtype, b.dtype) == 1)), "L11",
            "rows are found by a table of i64, of A, that is neither spread nor multiplied by words");
    require(s.a.table < 0 || s.c != s.a.table, "L11", "the result of a contract is one of its operands");
    require(!s.a_raised || (a.dtype == DType::kI8 && b.dtype == DType::kU32), "L11", "raised elements of A are i8, by words");
    require(s.c != s.a.buffer && s.c != s.b.buffer, "L11", "the result of a contract is one of its operands");
    require(c.use != BufferUse::kRead, "L6", "a buffer that is only read is written");
    require(s.b.stride == Dim(1), "L11", "the columns of B are not next to each other");
    require(!s.a_spread || (s.a.stride.is_constant() && s.a.stride.constant() > 1), "L11", "spread rows of A are not a constant number of elements apart");
    require(s.max_rows > 0 && s.max_columns > 0, "L11", "the register tile is empty");
    for (const Dim* dim : {&s.c_offset, &s.c_row_stride, &s.after, &s.rows, &s.columns, &s.depth, &s.batches}) check(*dim);
    for (const ContractOperand* o : {&s.a, &s.b})
      for (const Dim* dim : {&o->offset, &o->stride, &o->depth_stride, &o->batch_stride, &o->first}) check(*dim);
    if (s.ahead >= 0) buffer(s.ahead), check(s.ahead_offset), check(s.ahead_stride);
    const auto fits = [](const Dim& size, int most) { return !size.is_constant() || (size.constant() >= 0 && size.constant() <= most); };
    require(fits(s.rows, s.max_rows) && fits(s.columns, s.max_columns), "L11", "rows or columns are more than the register tile has");
  }

  void statement(const Transpose& s) {
    require(!in_vector_, "L8", "a transpose stands in a vector loop");
    const Buffer &to = buffer(s.to), &from = buffer(s.from);
    require(to.dtype == from.dtype && s.to != s.from, "L12", "a transpose has two buffers of one dtype");
    require(to.use != BufferUse::kRead, "L6", "a buffer that is only read is written");
    for (const Dim* dim : {&s.offset, &s.row_stride, &s.from_offset, &s.column_stride, &s.rows, &s.columns}) check(*dim);
    require(s.filled >= 0 && s.filled <= INT32_MAX, "L12", "the number of filled columns is no count");
    const auto columns = s.columns.as_constant();
    require(s.filled == 0 || !columns || *columns <= s.filled, "L12", "a transpose has more columns than it fills");
  }

  const Kernel& kernel_;
  std::unordered_map<std::string, bool> symbols_;        // in scope; whether they differ between lanes
  std::unordered_map<std::string, Name> names_;          // in scope
  std::unordered_set<std::string> taken_;                // all names so far
  std::vector<const std::string*> scope_;                // keys of symbols_ and names_, innermost last
  std::unordered_map<std::string, ScalarOp> updates_;    // of the vector loop at hand
  std::unordered_map<const Expression*, bool> checked_;  // of the statement at hand
  std::set<std::string> used_;
  bool in_vector_ = false;
  int32_t buffer_ = -1, statement_ = -1;
  const Statement* current_ = nullptr;
};

}  // namespace

std::optional<Problem> find_problem(const Kernel& kernel) { return Verifier(kernel).find(); }

void verify(const Kernel& kernel) {
  const std::optional<Problem> problem = find_problem(kernel);
  SINTER_CHECK(!problem, "kernel " + kernel.name + ": " + problem->rule + ": " + problem->what +
                             (problem->place.empty() ? "" : " in: " + problem->place));
}

}  // namespace sinter::loop
