#include "backend/lower/contract_sums.h"

#include "backend/lower/reductions.h"

namespace sinter::backend {
namespace {

using loop::ExpressionRef;
using loop::LoopKind;

constexpr int64_t kRowsAtOnce = 4;  // of B that one pass over the sums takes in, as a tree

class SumWriter {
 public:
  SumWriter(KernelBuilder& builder, const FusionRequest& request, BodyWriter& writer, const ContractForm& form, const ColumnRange& columns)
      : builder_(builder), request_(request), writer_(writer), form_(form), columns_(columns), rhs_(find_contract(request.body).operands[1]) {}

  void write(size_t result) {
    reduce_ = std::get_if<ir::Reduce>(&request_.body.producer(request_.body.results()[result])->op->lowering);
    const TensorType& type = request_.body.type(rhs_);
    const int32_t sums = builder_.add_scratch(type.dtype, columns_.most);
    across([&](const Dim& j) { store(sums, {j}, initial_value(*reduce_, type.dtype)); });
    const Dim groups = floor_div(form_.depth, kRowsAtOnce);
    down(groups, [&](const Dim& k) {
      across([&](const Dim& j) {
        std::vector<ExpressionRef> parts;
        for (int64_t i = 0; i < kRowsAtOnce; ++i) parts.push_back(element(k * kRowsAtOnce + Dim(i), j));
        store(sums, {j}, combine(load(sums, j), combine(combine(parts[0], parts[1]), combine(parts[2], parts[3]))));
      });
    });
    down(simplify(form_.depth - groups * kRowsAtOnce, builder_.bounds()), [&](const Dim& k) {
      across([&](const Dim& j) { store(sums, {j}, combine(load(sums, j), element(groups * kRowsAtOnce + k, j))); });
    });
    across([&](const Dim& j) {
      const Shape& shape = request_.body.type(request_.body.results()[result]).shape;
      store(request_.buffers.results[result], delinearize(columns_.first + j, shape, 0, shape.rank()), load(sums, j));
    });
  }

 private:
  template <class Write> void loop(std::string_view stem, const Dim& extent, LoopKind kind, int lanes, const Write& write) {
    if (extent == Dim(0)) return;
    const std::string variable = builder_.fresh(stem);
    builder_.set_bound(variable, extent);
    loop::Body body;
    writer_.enter(body);
    write(Dim::symbol(variable));
    writer_.leave();
    writer_.here().push_back(make_loop(builder_, variable, extent, kind, lanes, std::move(body)));
  }
  template <class Write> void down(const Dim& extent, const Write& write) { loop("k", extent, LoopKind::kSerial, 1, write); }
  template <class Write> void across(const Write& write) {
    loop("j", columns_.count, LoopKind::kVector, builder_.lanes(request_.body.type(rhs_).dtype), write);
  }

  ExpressionRef element(const Dim& k, const Dim& j) const {
    const TensorType& type = request_.body.type(rhs_);
    std::vector<Dim> index = delinearize(k, type.shape, 0, form_.depth_axes);
    for (Dim& dim : delinearize(columns_.first + j, type.shape, form_.depth_axes, type.shape.rank())) index.push_back(std::move(dim));
    for (Dim& dim : index) dim = simplify(dim, builder_.bounds());
    return loop::load(request_.buffers.arguments[static_cast<size_t>(rhs_.id)], type.dtype, std::move(index));
  }
  ExpressionRef load(int32_t buffer, const Dim& j) const { return loop::load(buffer, request_.body.type(rhs_).dtype, {j}); }
  ExpressionRef combine(ExpressionRef a, ExpressionRef b) const { return loop::apply(reduce_->combine, {std::move(a), std::move(b)}); }
  void store(int32_t buffer, std::vector<Dim> index, ExpressionRef value) {
    writer_.here().push_back({loop::Store{buffer, std::move(index), std::move(value)}});
  }

  KernelBuilder& builder_;
  const FusionRequest& request_;
  BodyWriter& writer_;
  const ContractForm& form_;
  const ColumnRange& columns_;
  const ir::Value rhs_;
  const ir::Reduce* reduce_ = nullptr;
};

}  // namespace

bool is_rhs_sum(const ir::Graph& body, size_t result) {
  return std::holds_alternative<ir::Reduce>(body.producer(body.results()[result])->op->lowering);
}

void write_rhs_sums(KernelBuilder& builder, const FusionRequest& request, BodyWriter& writer, const ContractForm& form, const Dim& first_row,
                    const ColumnRange& columns) {
  loop::If first{{{first_row, 0, 1}}, {}, {}};
  writer.enter(first.then);
  for (size_t i = 0; i < request.body.results().size(); ++i)
    if (is_rhs_sum(request.body, i)) SumWriter(builder, request, writer, form, columns).write(i);
  writer.leave();
  loop::Body& here = writer.here();
  if (first_row == Dim(0)) {
    std::move(first.then.begin(), first.then.end(), std::back_inserter(here));
  } else {
    here.push_back({std::move(first)});
  }
}

}  // namespace sinter::backend
