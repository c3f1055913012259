#include "backend/loop/evaluate.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <unordered_map>

#include "backend/loop/evaluate_memory.h"
#include "backend/loop/index_code.h"
#include "backend/loop/text.h"
#include "base/random.h"

namespace sinter::loop {
namespace {

constexpr size_t kMostLanes = 64;

/// What a symbol or a name is: one value, or one per lane.
template <class T> struct PerLane {
  std::array<T, kMostLanes> values{};
  bool varies = false;
  const T& operator[](size_t lane) const { return values[varies ? lane : 0]; }
};

/// A checked index out of range: the tile stops.
struct Stopped {
  int32_t site;
  int64_t value, limit;
};

class Machine {
 public:
  Machine(const Kernel& kernel, std::vector<Tensor>& buffers, const SymbolValues& dims, const EvaluateOptions& options)
      : kernel_(kernel), options_(options), memory_(kernel, buffers, dims) {
    for (const std::string& dim : kernel.dims) {
      const auto found = dims.find(dim);
      SINTER_CHECK(found != dims.end(), "kernel " + kernel.name + ": the dim " + dim + " has no value");
      set(dim, found->second);
    }
  }

  void run_tile(int64_t tile) {
    who_ = {tile, 0, 0};
    active_ = 1;
    in_vector_ = false;
    set("tile", tile);
    body(kernel_.body);
  }

  [[noreturn]] void fail(const std::string& what) const {
    const std::string where = current_ == nullptr ? "" : "; in: " + first_line(kernel_, *current_);
    throw InternalError("kernel " + kernel_.name + ", tile " + std::to_string(who_.tile) + ": " + what + where, __FILE__, __LINE__);
  }
  std::string find_unwritten() const { return memory_.find_unwritten(); }

 private:
  // ---- integers ----

  int32_t slot(const std::string& symbol) {
    const auto [entry, added] = slots_.try_emplace(symbol, static_cast<int32_t>(symbols_.size()));
    if (added) symbols_.emplace_back();
    return entry->second;
  }
  void set(const std::string& symbol, int64_t value) {
    PerLane<int64_t>& entry = symbols_[static_cast<size_t>(slot(symbol))];
    entry.values[0] = value;
    entry.varies = false;
  }

  int64_t integer(const Dim& dim, size_t lane = 0) {
    if (dim.is_constant()) return dim.constant();
    auto found = code_.find(&dim);
    if (found == code_.end()) found = code_.emplace(&dim, IndexCode(dim, [this](const std::string& symbol) { return slot(symbol); })).first;
    return found->second.evaluate([&](int32_t slot) { return symbols_[static_cast<size_t>(slot)][lane]; });
  }

  int64_t position(int32_t buffer, const std::vector<Dim>& indices, size_t lane) {
    indices_.clear();
    for (const Dim& dim : indices) indices_.push_back(integer(dim, lane));
    return memory_.position(buffer, indices_);
  }

  bool hold(const std::vector<Range>& ranges, size_t lane) {
    for (const Range& range : ranges) {
      const int64_t value = integer(range.value, lane);
      if (value < integer(range.lower, lane) || value >= integer(range.upper, lane)) return false;
    }
    return true;
  }

  // ---- elements ----

  Toucher toucher(size_t lane) const { return {who_.tile, who_.loop, who_.iteration + static_cast<int64_t>(lane)}; }

  Scalar value(const ExpressionRef& e, size_t lane) {
    switch (e->kind) {
      case Expression::Kind::kConstant: return is_float(e->dtype) ? from_number(e->number, e->dtype) : from_integer(e->integer, e->dtype);
      case Expression::Kind::kIndex: return Scalar::of(integer(e->index, lane));
      case Expression::Kind::kLoad: return memory_.read(e->buffer, position(e->buffer, e->indices, lane), toucher(lane));
      case Expression::Kind::kName: return names_.at(e->name)[lane];
      case Expression::Kind::kGuarded: return value(e->arguments[hold(e->ranges, lane) ? 0 : 1], lane);
      case Expression::Kind::kApply: break;
    }
    const DType operand = e->arguments.back()->dtype;
    if (e->op == ScalarOp::kCast) return cast(value(e->arguments[0], lane), operand, e->dtype);
    if (e->op == ScalarOp::kBitcast) return value(e->arguments[0], lane);
    std::array<Scalar, 4> operands;
    for (size_t i = 0; i < e->arguments.size(); ++i) operands[i] = value(e->arguments[i], lane);
    return apply(e->op, operand, {operands.data(), e->arguments.size()});
  }

  // ---- statements: each is done for all lanes that run before the next ----

  void body(const Body& statements) {
    for (const Statement& one : statements) {
      current_ = &one;
      std::visit([this](const auto& node) { statement(node); }, one.node);
    }
  }

  void statement(const For& s) {
    const int64_t extent = integer(s.extent);
    if (extent < 0) throw Fault{"the extent is negative: " + std::to_string(extent)};
    if (s.lanes > 1) return vector_loop(s, extent);
    for (int64_t i = 0; i < extent; ++i) {
      set(s.variable, i);
      body(s.body);
    }
  }

  void vector_loop(const For& s, int64_t extent) {
    const auto lanes = static_cast<size_t>(s.lanes);
    struct Partial {
      std::string name;
      ScalarOp op;
      DType dtype;
      Scalar before;
    };
    std::vector<Partial> partials;
    collect_updates(s.body, [&](const Update& update) {
      const auto found = names_.find(update.name);
      if (found == names_.end() || found->second.varies) return;  // declared inside, or seen already
      partials.push_back({update.name, update.op, update.value->dtype, found->second[0]});
      found->second.varies = true;
      std::fill_n(found->second.values.begin(), lanes, identity(update.op, update.value->dtype));
    });
    who_.loop = ++loops_;
    for (int64_t first = 0; first < extent; first += s.lanes) {
      active_ = static_cast<size_t>(std::min<int64_t>(s.lanes, extent - first));
      who_.iteration = first;
      PerLane<int64_t>& variable = symbols_[static_cast<size_t>(slot(s.variable))];
      variable.varies = true;
      for (size_t lane = 0; lane < lanes; ++lane) variable.values[lane] = first + static_cast<int64_t>(lane);
      in_vector_ = true;
      body(s.body);
    }
    in_vector_ = false;
    active_ = 1;
    who_.loop = who_.iteration = 0;
    for (const Partial& partial : partials) {
      PerLane<Scalar>& entry = names_.at(partial.name);
      for (size_t half = lanes / 2; half > 0; half /= 2)
        for (size_t lane = 0; lane < half; ++lane)
          entry.values[lane] = combine(partial.op, partial.dtype, entry.values[lane], entry.values[lane + half]);
      entry.values[0] = combine(partial.op, partial.dtype, partial.before, entry.values[0]);
      entry.varies = false;
    }
  }

  template <class Visit> static void collect_updates(const Body& statements, const Visit& visit) {
    for (const Statement& one : statements) {
      if (const auto* update = std::get_if<Update>(&one.node)) {
        visit(*update);
      } else if (const auto* loop = std::get_if<For>(&one.node)) {
        collect_updates(loop->body, visit);
      } else if (const auto* branch = std::get_if<If>(&one.node)) {
        collect_updates(branch->then, visit);
        collect_updates(branch->otherwise, visit);
      }
    }
  }

  static Scalar combine(ScalarOp op, DType dtype, Scalar a, Scalar b) {
    const Scalar pair[] = {a, b};
    return apply(op, dtype, pair);
  }

  /// The value in every lane that runs, before anything is changed.
  const std::array<Scalar, kMostLanes>& all_lanes(const ExpressionRef& e) {
    for (size_t lane = 0; lane < active_; ++lane) lanes_[lane] = value(e, lane);
    return lanes_;
  }
  void define(const std::string& name, const ExpressionRef& e) {
    const auto& values = all_lanes(e);
    PerLane<Scalar>& entry = names_[name];
    entry.varies = in_vector_;
    std::copy_n(values.begin(), active_, entry.values.begin());
  }

  void statement(const Let& s) { define(s.name, s.value); }
  void statement(const Declare& s) { define(s.name, s.initial); }
  void statement(const Assign& s) { define(s.name, s.value); }

  void statement(const Update& s) {
    const auto& values = all_lanes(s.value);
    PerLane<Scalar>& entry = names_.at(s.name);
    for (size_t lane = 0; lane < active_; ++lane) entry.values[lane] = combine(s.op, s.value->dtype, entry.values[lane], values[lane]);
  }

  void statement(const Store& s) {
    const auto& values = all_lanes(s.value);
    for (size_t lane = 0; lane < active_; ++lane) memory_.write(s.buffer, position(s.buffer, s.indices, lane), values[lane], toucher(lane));
  }

  void statement(const Prefetch&) {}

  void statement(const CheckedIndex& s) {
    const auto& values = all_lanes(s.value);
    const int64_t limit = integer(s.upper);
    PerLane<int64_t>& variable = symbols_[static_cast<size_t>(slot(s.variable))];
    variable.varies = in_vector_;
    for (size_t lane = 0; lane < active_; ++lane) {
      const int64_t index = to_integer(values[lane], s.value->dtype);
      if (index < 0 || index >= limit) throw Stopped{s.site, index, limit};
      variable.values[lane] = index;
    }
  }

  void statement(const If& s) { body(hold(s.ranges, 0) ? s.then : s.otherwise); }

  void statement(const Contract& s) {
    const int64_t rows = integer(s.rows), columns = integer(s.columns), depth = integer(s.depth), batches = integer(s.batches);
    if (rows < 0 || columns < 0 || depth < 0 || batches < 0) throw Fault{"a size of the contract is negative"};
    if (rows > s.max_rows || columns > s.max_columns)
      throw Fault{"the contract has " + std::to_string(rows) + " rows and " + std::to_string(columns) +
                  " columns, more than its register tile"};
    if (memory_.overlap(s.c, s.a.buffer) || memory_.overlap(s.c, s.b.buffer) || (s.a.table >= 0 && memory_.overlap(s.c, s.a.table)))
      throw Fault{"the result of the contract lies in the memory of an operand"};
    const auto dtype_of = [&](int32_t buffer) { return kernel_.buffers[static_cast<size_t>(buffer)].dtype; };
    const DType dtype = dtype_of(s.c), a_dtype = dtype_of(s.a.buffer);
    const int group = contract_group(a_dtype, dtype_of(s.b.buffer));
    const bool from_c = s.accumulate && integer(s.after) != 0;
    const int64_t c_offset = integer(s.c_offset), c_stride = integer(s.c_row_stride);
    const auto element = [&](const ContractOperand& o, int64_t r, int64_t k, int64_t b) {
      const int64_t row = o.table < 0 ? r * integer(o.stride) : memory_.read(o.table, integer(o.first) + r, who_).template as<int64_t>();
      return memory_.read(o.buffer, integer(o.offset) + row + k * integer(o.depth_stride) + b * integer(o.batch_stride),
                          who_);
    };
    const auto by_word = [&](int64_t r, int64_t j, int64_t k, int64_t b, Scalar sum) {
      const auto word = element(s.b, j, k / group, b).template as<uint32_t>();
      for (int i = group - 1; i >= 0; --i) {
        Scalar left = k + i < depth ? cast(element(s.a, r, k + i, b), a_dtype, dtype) : Scalar{};
        if (s.a_raised) left = Scalar::of(left.template as<int32_t>() + 128);
        const Scalar right = group == 2 ? cast(Scalar::of(static_cast<uint16_t>(word >> (16 * i))), DType::kBF16, dtype)
                                        : cast(Scalar::of(static_cast<int8_t>(word >> (8 * i))), DType::kI8, dtype);
        sum = multiply_add(left, right, sum, dtype, options_.fused_multiply_add);
      }
      return sum;
    };
    if (s.a_spread) check_spread(s, rows, depth, batches);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t j = 0; j < columns; ++j) {
        const int64_t to = c_offset + r * c_stride + j;
        Scalar sum = from_c ? memory_.read(s.c, to, who_) : Scalar{};
        for (int64_t b = 0; b < batches; ++b) {
          for (int64_t k = 0; k < depth; k += group)
            sum = group > 1 ? by_word(r, j, k, b, sum)
                            : multiply_add(element(s.a, r, k, b), element(s.b, j, k, b), sum, dtype, options_.fused_multiply_add);
        }
        memory_.write(s.c, to, sum, who_);
      }
    }
  }

  /// What native code takes for granted when it loads a whole vector of one element of A.
  void check_spread(const Contract& s, int64_t rows, int64_t depth, int64_t batches) {
    const int64_t stride = integer(s.a.stride);
    for (int64_t b = 0; b < batches; ++b)
      for (int64_t k = 0; k < depth; ++k)
        for (int64_t r = 0; r < rows; ++r) {
          const int64_t first = integer(s.a.offset) + r * stride + k * integer(s.a.depth_stride) + b * integer(s.a.batch_stride);
          const Scalar element = memory_.read(s.a.buffer, first, who_);
          for (int64_t i = 1; i < stride; ++i)
            if (memory_.read(s.a.buffer, first + i, who_).bits != element.bits)
              throw Fault{"row " + std::to_string(r) + " of A is not spread at depth " + std::to_string(k)};
        }
  }

  void statement(const Transpose& s) {
    const int64_t rows = integer(s.rows), columns = integer(s.columns);
    if (rows < 0 || columns < 0) throw Fault{"a size of the transpose is negative"};
    if (s.filled > 0 && columns > s.filled) throw Fault{"the transpose has " + std::to_string(columns) + " columns, more than it fills"};
    if (memory_.overlap(s.to, s.from)) throw Fault{"a transpose writes what it reads"};
    const int64_t to = integer(s.offset), row_stride = integer(s.row_stride);
    const int64_t from = integer(s.from_offset), column_stride = integer(s.column_stride);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < std::max(columns, s.filled); ++c)
        memory_.write(s.to, to + r * row_stride + c, c < columns ? memory_.read(s.from, from + c * column_stride + r, who_) : Scalar{}, who_);
  }

  const Kernel& kernel_;
  const EvaluateOptions& options_;
  Memory memory_;
  std::unordered_map<std::string, int32_t> slots_;
  std::vector<PerLane<int64_t>> symbols_;
  std::unordered_map<std::string, PerLane<Scalar>> names_;
  std::unordered_map<const Dim*, IndexCode> code_;
  std::vector<int64_t> indices_;
  std::array<Scalar, kMostLanes> lanes_;
  const Statement* current_ = nullptr;
  Toucher who_;
  int64_t loops_ = 0;
  size_t active_ = 1;
  bool in_vector_ = false;
};

std::vector<int64_t> order_of_tiles(int64_t count, const EvaluateOptions& options) {
  std::vector<int64_t> tiles(static_cast<size_t>(count));
  std::iota(tiles.begin(), tiles.end(), int64_t{0});
  if (options.order == TileOrder::kReversed) std::reverse(tiles.begin(), tiles.end());
  if (options.order == TileOrder::kShuffled) {
    RandomSequence random(options.seed, 31);
    for (size_t i = tiles.size(); i > 1; --i) std::swap(tiles[i - 1], tiles[random.below(static_cast<uint32_t>(i))]);
  }
  return tiles;
}

}  // namespace

EvaluateResult evaluate(const Kernel& kernel, std::vector<Tensor>& buffers, const SymbolValues& dims, const EvaluateOptions& options) {
  Machine machine(kernel, buffers, dims, options);
  EvaluateResult result;
  const int64_t tiles = kernel.tiles.evaluate(dims);
  if (tiles < 0) machine.fail("the number of tiles is negative: " + std::to_string(tiles));
  for (const int64_t tile : order_of_tiles(tiles, options)) {
    if (result.failed && tile > result.tile) continue;
    try {
      machine.run_tile(tile);
    } catch (const Stopped& stopped) {
      result = {true, stopped.site, tile, stopped.value, stopped.limit};
    } catch (const Fault& fault) {
      machine.fail(fault.what);
    }
  }
  if (result.failed) return result;
  if (const std::string element = machine.find_unwritten(); !element.empty()) machine.fail(element + " is written by no tile");
  return result;
}

}  // namespace sinter::loop
