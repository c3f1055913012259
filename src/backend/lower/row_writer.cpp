// What the forms of `rows` share: the loops along one row, what they keep, and what waits for the last of them.
#include "backend/lower/row_writer.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace sinter::backend {
namespace {

/// Registers of partial results per reduction: additions are chained, and this many chains hide how long one takes.
constexpr int kPartialRegisters = 4;

}  // namespace

using loop::ExpressionRef;
using loop::LoopKind;

RowWriter::RowWriter(KernelBuilder& builder, const FusionRequest& request)
    : builder_(builder), request_(request), writer_(builder, request.body, request.buffers), reductions_(find_reductions(request.body)) {
  kept_ = reductions_.domain.rank() - reductions_.axes.size();
  for (size_t i = 0; i < reductions_.axes.size(); ++i)
    SINTER_CHECK(reductions_.axes[i] == static_cast<int64_t>(kept_ + i), "rows reduce the last axes");
  outer_shape_ = Shape({reductions_.domain.begin(), reductions_.domain.begin() + static_cast<std::ptrdiff_t>(kept_)});
  lanes_ = body_lanes(builder, request.body);
}

void RowWriter::set_row(const Dim& row, const Dim& slot) {
  row_number_ = row;
  row_ = delinearize(row, reductions_.domain, 0, kept_);
  slot_ = slot;
}

std::vector<Dim> RowWriter::element(const std::vector<Dim>& column) const {
  std::vector<Dim> index = row_;
  index.insert(index.end(), column.begin(), column.end());
  return index;
}

void RowWriter::store_row_values(const Dim& slot) {
  const RowLoop& last = loops_.back();
  for (size_t i = 0; i < last.row_values.size(); ++i)
    writer_.here().push_back({loop::Store{row_scratch(i), {slot}, writer_.value_at(last.row_values[i], row_)}});
}

int32_t RowWriter::row_scratch(size_t i) {
  while (row_scratch_.size() <= i)
    row_scratch_.push_back(builder_.add_scratch(request_.body.type(loops_.back().row_values[row_scratch_.size()]).dtype, at_once_));
  return row_scratch_[i];
}

std::vector<std::vector<ExpressionRef>> RowWriter::load_row_values(int64_t count) {
  const std::vector<ir::Value>& values = loops_.back().row_values;
  std::vector<std::vector<ExpressionRef>> names(values.size());
  for (size_t i = 0; i < names.size(); ++i) {
    const DType dtype = request_.body.type(values[i]).dtype;
    for (int64_t row = 0; row < count; ++row) {
      const std::string name = builder_.fresh("v");
      writer_.here().push_back({loop::Let{name, loop::load(row_scratch(i), dtype, {Dim(row)})}});
      names[i].push_back(loop::named(name, dtype));
    }
  }
  return names;
}

void RowWriter::define_row_values(const std::vector<std::vector<ExpressionRef>>& names) {
  for (size_t i = 0; i < names.size(); ++i)
    writer_.define(loops_.back().row_values[i], [this, named = names[i]](const std::vector<Dim>&) {
      return named.size() == 1 ? named[0] : named[static_cast<size_t>(slot_.constant())];
    });
}

void RowWriter::name_row_values(int64_t count) { define_row_values(load_row_values(count)); }

void RowWriter::define_kept(size_t levels) {
  for (size_t level = 0; level < levels; ++level)
    for (const Kept& kept : loops_[level].kept)
      writer_.define(kept.value, [this, kept, place = place_of(kept)](const std::vector<Dim>& index) {
        return loop::load(place, request_.body.type(kept.value).dtype, element_of(kept, index));
      });
}

void RowWriter::begin_last_loop() {
  for (const ir::Value value : loops_.back().row_inputs) writer_.precompute(value, row_);
  writer_.stream_results(may_stream());
}

void RowWriter::write_last(const std::vector<Dim>& column) {
  ask_ahead(loops_.back(), column);
  read_kept(column);
  write_results(column);
}

void RowWriter::write_levels() {
  for (size_t level = 0; level + 1 < loops_.size(); ++level) {
    precompute_row_values(static_cast<int>(level));
    write_level(loops_[level]);
  }
  finish_levels();
}

void RowWriter::finish_levels() {
  precompute_row_values(reductions_.levels);
  for (size_t i = 0; i < request_.body.results().size(); ++i) {
    const ir::Value result = request_.body.results()[i];
    if (request_.body.type(result).shape == outer_shape_ && !reductions_.is_blocks(result)) writer_.store_result(i, row_);
  }
}

void RowWriter::ask_ahead(const RowLoop& loop, const std::vector<Dim>& column) {
  for (const ir::Value value : loop.ahead) {
    std::vector<Dim> index = delinearize(row_number_ + at_once_, reductions_.domain, 0, kept_);
    index.insert(index.end(), column.begin(), column.end());
    writer_.here().push_back({loop::Prefetch{request_.buffers.arguments[static_cast<size_t>(value.id)], std::move(index)}});
  }
}

void RowWriter::read_kept(const std::vector<Dim>& column) {
  for (const ir::Value value : loops_.back().reads) writer_.precompute(value, element(column));
}

void RowWriter::write_results(const std::vector<Dim>& column) {
  for (const size_t i : loops_.back().results) writer_.store_result(i, element(column));
}

bool RowWriter::may_stream() const {
  return std::none_of(loops_.begin(), loops_.end(), [](const RowLoop& loop) {
    return std::any_of(loop.kept.begin(), loop.kept.end(), [](const Kept& kept) { return kept.result >= 0; });
  });
}

int RowWriter::reducing_lanes(const RowLoop& loop) const {
  int registers = loop.heavy ? 1 : kPartialRegisters;
  if (columns_.is_constant())
    registers = std::min(registers, static_cast<int>(std::bit_floor(static_cast<uint64_t>(std::max<int64_t>(1, columns_.constant() / lanes_)))));
  return lanes_ * registers;
}

void RowWriter::precompute_row_values(int level) {
  for (const ir::Node& node : request_.body.nodes()) {
    const ir::Value value = node.results[0];
    const bool row_value = request_.body.type(value).shape == outer_shape_ && reductions_.value_level[static_cast<size_t>(value.id)] == level;
    if (row_value && std::holds_alternative<ir::Elementwise>(node.op->lowering)) writer_.precompute(value, row_);
  }
}

void RowWriter::declare(const std::string& name, ExpressionRef initial) { writer_.here().push_back({loop::Declare{name, std::move(initial)}}); }

void RowWriter::write_level(const RowLoop& loop) {
  Level level = begin_level(loop);
  vector_loop(level.lanes, [&](const std::vector<Dim>& column) { write_step(level, column); });
  finish_level(level);
}

RowWriter::Level RowWriter::begin_level(const RowLoop& loop) {
  Level level{loop, reducing_lanes(loop), {}, {}};
  for (const Reduction* reduction : loop.reductions) {
    level.names.push_back(builder_.fresh("a"));
    declare(level.names.back(), initial_value(*reduction->lowering, request_.body.type(reduction->operand).dtype));
  }
  for (const Kept& kept : loop.kept) level.places.push_back(place_of(kept));
  return level;
}

void RowWriter::write_step(const Level& level, const std::vector<Dim>& column) {
  const std::vector<Dim> index = element(column);
  ask_ahead(level.loop, column);
  for (size_t i = 0; i < level.places.size(); ++i) {
    const Kept& kept = level.loop.kept[i];
    writer_.precompute(kept.value, index);
    writer_.here().push_back({loop::Store{level.places[i], element_of(kept, index), writer_.value_at(kept.value, index)}});
  }
  for (size_t i = 0; i < level.names.size(); ++i) {
    const Reduction& reduction = *level.loop.reductions[i];
    writer_.here().push_back({loop::Update{level.names[i], reduction.lowering->combine, writer_.value_at(reduction.operand, index)}});
  }
}

void RowWriter::finish_level(const Level& level) {
  const std::vector<const Reduction*>& now = level.loop.reductions;
  const std::vector<std::string>& names = level.names;
  for (size_t i = 0; i < level.places.size(); ++i) {
    const Kept kept = level.loop.kept[i];
    writer_.define(kept.value, [this, kept, place = level.places[i]](const std::vector<Dim>& index) {
      return loop::load(place, request_.body.type(kept.value).dtype, element_of(kept, index));
    });
  }
  const std::vector<std::string> winners = write_positions(now, names, level.lanes);
  for (size_t i = 0; i < now.size(); ++i) {
    const ExpressionRef result = winners[i].empty() ? loop::named(names[i], request_.body.type(now[i]->operand).dtype) : winner(*now[i], winners[i]);
    writer_.define(now[i]->result, [result](const std::vector<Dim>&) { return result; });
  }
}

int32_t RowWriter::place_of(const Kept& kept) {
  if (kept.result >= 0) return request_.buffers.results[static_cast<size_t>(kept.result)];
  const auto found = kept_scratch_.find(kept.value);
  if (found != kept_scratch_.end()) return found->second;
  return kept_scratch_[kept.value] = builder_.add_scratch(request_.body.type(kept.value).dtype, at_once_ * columns_.constant());
}

std::vector<Dim> RowWriter::element_of(const Kept& kept, const std::vector<Dim>& index) const {
  if (kept.result >= 0) return index;
  const Shape& domain = reductions_.domain;
  const Dim position = linearize({index.begin() + static_cast<std::ptrdiff_t>(kept_), index.end()},
                                 Shape({domain.begin() + static_cast<std::ptrdiff_t>(kept_), domain.end()}));
  return {simplify(slot_ * columns_ + position, builder_.bounds())};
}

bool RowWriter::has_positions(const std::vector<const Reduction*>& reductions) {
  return std::any_of(reductions.begin(), reductions.end(), [](const Reduction* reduction) { return reduction->lowering->argument; });
}

std::vector<std::string> RowWriter::write_positions(const std::vector<const Reduction*>& now, const std::vector<std::string>& names, int lanes) {
  std::vector<std::string> winners(now.size());
  if (!has_positions(now)) return winners;
  const ExpressionRef none = loop::integer_constant(DType::kI64, std::numeric_limits<int64_t>::max());
  for (size_t i = 0; i < now.size(); ++i)
    if (now[i]->lowering->argument) declare(winners[i] = builder_.fresh("a"), none);
  vector_loop(lanes, [&](const std::vector<Dim>& column) {
    const std::vector<Dim> index = element(column);
    for (size_t i = 0; i < now.size(); ++i) {
      if (winners[i].empty()) continue;
      const ExpressionRef x = writer_.value_at(now[i]->operand, index);
      ExpressionRef holds = loop::apply(ScalarOp::kEqual, {x, loop::named(names[i], x->dtype)});
      if (is_float(x->dtype)) holds = loop::apply(ScalarOp::kOr, {holds, loop::apply(ScalarOp::kIsNan, {x})});
      const ExpressionRef position = loop::apply(ScalarOp::kSelect, {holds, loop::index_value(index.back()), none});
      writer_.here().push_back({loop::Update{winners[i], ScalarOp::kMinimum, position}});
    }
  });
  return winners;
}

ExpressionRef RowWriter::winner(const Reduction& reduction, const std::string& name) {
  ExpressionRef position = loop::named(name, DType::kI64);
  if (columns_.is_constant()) return position;
  return loop::index_value(writer_.check_index(*reduction.node, std::move(position), columns_));
}

}  // namespace sinter::backend
