// Kind `rows`: reductions along the last axes, a row at a time. Per level of dependent reductions one vector loop along the row.
#include <limits>

#include "backend/lower/body_writer.h"
#include "backend/lower/lower_fusion.h"
#include "backend/lower/reductions.h"

namespace sinter::backend {
namespace {

using loop::ExpressionRef;
using loop::LoopKind;

class RowWriter {
 public:
  RowWriter(KernelBuilder& builder, const FusionRequest& request)
      : builder_(builder), request_(request), writer_(builder, request.body, request.buffers), reductions_(find_reductions(request.body)) {
    kept_ = reductions_.domain.rank() - reductions_.axes.size();
    for (size_t i = 0; i < reductions_.axes.size(); ++i)
      SINTER_CHECK(reductions_.axes[i] == static_cast<int64_t>(kept_ + i), "rows reduce the last axes");
    outer_shape_ = Shape({reductions_.domain.begin(), reductions_.domain.begin() + static_cast<std::ptrdiff_t>(kept_)});
    lanes_ = body_lanes(builder, request.body);
  }

  Section write() {
    const Dim columns = product(reductions_.domain, kept_, reductions_.domain.rank());
    const Dim rows = product(reductions_.domain, 0, kept_);
    const int64_t rows_per_tile = columns.is_constant() ? std::max<int64_t>(1, kTileElements / std::max<int64_t>(1, columns.constant())) : 1;
    const std::string r = builder_.fresh("r");
    builder_.set_bound(r, rows_per_tile);
    Section section;
    section.tiles = ceil_div(rows, rows_per_tile);
    loop::Body body;
    row_ = delinearize(request_.tile * rows_per_tile + Dim::symbol(r), reductions_.domain, 0, kept_);
    write_row(body, columns);
    section.body.push_back({loop::For{r, min(rows_per_tile, rows - request_.tile * rows_per_tile), LoopKind::kSerial, 1, std::move(body)}});
    return section;
  }

 private:
  void write_row(loop::Body& body, const Dim& columns) {
    writer_.enter(body);
    for (int level = 1; level <= reductions_.levels; ++level) {
      precompute_row_values(level - 1);
      write_level(level, columns);
    }
    precompute_row_values(reductions_.levels);
    const ir::Graph& graph = request_.body;
    std::vector<size_t> along_row;
    for (size_t i = 0; i < graph.results().size(); ++i) {
      if (graph.type(graph.results()[i]).shape == outer_shape_) {
        writer_.store_result(i, row_);
      } else {
        along_row.push_back(i);
      }
    }
    if (!along_row.empty())
      vector_loop(columns, [&](const std::vector<Dim>& index) {
        for (const size_t i : along_row) writer_.store_result(i, index);
      });
    writer_.leave();
  }

  template <class Write> void vector_loop(const Dim& columns, const Write& write) {
    const std::string c = builder_.fresh("c");
    builder_.set_bound(c, columns);
    std::vector<Dim> index = row_;
    for (Dim& dim : delinearize(Dim::symbol(c), reductions_.domain, kept_, reductions_.domain.rank())) index.push_back(std::move(dim));
    loop::Body body;
    writer_.enter(body);
    write(index);
    writer_.leave();
    writer_.here().push_back(make_loop(builder_, c, columns, LoopKind::kVector, lanes_, std::move(body)));
  }

  /// Values of the row as a whole are computed once, outside the loops along it.
  void precompute_row_values(int level) {
    for (const ir::Node& node : request_.body.nodes()) {
      const ir::Value value = node.results[0];
      const bool row_value = request_.body.type(value).shape == outer_shape_ && reductions_.value_level[static_cast<size_t>(value.id)] == level;
      if (row_value && std::holds_alternative<ir::Elementwise>(node.op->lowering)) writer_.precompute(value, row_);
    }
  }

  void declare(const std::string& name, ExpressionRef initial) { writer_.here().push_back({loop::Declare{name, std::move(initial)}}); }

  void write_level(int level, const Dim& columns) {
    std::vector<const Reduction*> now, positions;
    for (const Reduction& reduction : reductions_.list)
      if (reduction.level == level) (now.push_back(&reduction), reduction.lowering->argument ? positions.push_back(&reduction) : void());
    std::vector<std::string> names;
    for (const Reduction* reduction : now) {
      names.push_back(builder_.fresh("a"));
      declare(names.back(), initial_value(*reduction->lowering, request_.body.type(reduction->operand).dtype));
    }
    vector_loop(columns, [&](const std::vector<Dim>& index) {
      for (size_t i = 0; i < now.size(); ++i)
        writer_.here().push_back({loop::Update{names[i], now[i]->lowering->combine, writer_.value_at(now[i]->operand, index)}});
    });
    std::vector<std::string> winners(now.size());
    if (!positions.empty()) write_positions(now, names, winners, columns);
    for (size_t i = 0; i < now.size(); ++i) {
      const ExpressionRef result = winners[i].empty() ? loop::named(names[i], request_.body.type(now[i]->operand).dtype) : winner(*now[i], winners[i], columns);
      writer_.define(now[i]->result, [result](const std::vector<Dim>&) { return result; });
    }
  }

  /// The position of a winner is the smallest one that holds the extreme value, or the first NaN when that is what it is.
  void write_positions(const std::vector<const Reduction*>& now, const std::vector<std::string>& names, std::vector<std::string>& winners,
                       const Dim& columns) {
    const ExpressionRef none = loop::integer_constant(DType::kI64, std::numeric_limits<int64_t>::max());
    for (size_t i = 0; i < now.size(); ++i)
      if (now[i]->lowering->argument) declare(winners[i] = builder_.fresh("a"), none);
    vector_loop(columns, [&](const std::vector<Dim>& index) {
      for (size_t i = 0; i < now.size(); ++i) {
        if (winners[i].empty()) continue;
        const ExpressionRef x = writer_.value_at(now[i]->operand, index);
        ExpressionRef holds = loop::apply(ScalarOp::kEqual, {x, loop::named(names[i], x->dtype)});
        if (is_float(x->dtype)) holds = loop::apply(ScalarOp::kOr, {holds, loop::apply(ScalarOp::kIsNan, {x})});
        const ExpressionRef position = loop::apply(ScalarOp::kSelect, {holds, loop::index_value(index.back()), none});
        writer_.here().push_back({loop::Update{winners[i], ScalarOp::kMinimum, position}});
      }
    });
  }

  /// An empty row has no winner: the position that stayed at the end of the world fails the check.
  ExpressionRef winner(const Reduction& reduction, const std::string& name, const Dim& columns) {
    ExpressionRef position = loop::named(name, DType::kI64);
    if (columns.is_constant()) return position;
    return loop::index_value(writer_.check_index(*reduction.node, std::move(position), columns));
  }

  KernelBuilder& builder_;
  const FusionRequest& request_;
  BodyWriter writer_;
  Reductions reductions_;
  Shape outer_shape_;
  size_t kept_ = 0;
  int lanes_ = 1;
  std::vector<Dim> row_;
};

}  // namespace

Section lower_rows(KernelBuilder& builder, const FusionRequest& request) { return RowWriter(builder, request).write(); }

}  // namespace sinter::backend
