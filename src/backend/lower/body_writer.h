// Writes values of a fused body, element by element, as loop expressions: the heart of every lowering.
//
// `value_at(v, index)` is the expression of element `index` of value `v`: loads for arguments, formulas for pointwise nodes, with the index
// mapped through views on the way. Values that are read more than once become Lets of the current scope.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "backend/lower/kernel_builder.h"
#include "ir/op_def.h"

namespace sinter::backend {

/// The scalar formula of an elementwise op over the given operands; `result` is the node's dtype (for casts left open).
loop::ExpressionRef instantiate(const ScalarBody& body, const std::vector<loop::ExpressionRef>& operands, DType result);

class BodyWriter {
 public:
  BodyWriter(KernelBuilder& builder, const ir::Graph& body, const BodyBuffers& buffers);

  /// The current place to write statements to. Scopes nest; names of an outer scope are visible inside.
  void enter(loop::Body& body);
  void leave();
  loop::Body& here() { return *scopes_.back().body; }

  loop::ExpressionRef value_at(ir::Value value, const std::vector<Dim>& index);
  /// Computes element `index` of `value` here, under a name, for loops inside this scope.
  void precompute(ir::Value value, const std::vector<Dim>& index);
  /// From here to the end of the scope, element `index` of `value` is `expression`.
  void bind(ir::Value value, const std::vector<Dim>& index, loop::ExpressionRef expression);
  /// Elements of `value` (a reduction, or the result of a contract) are found by `source` instead.
  void define(ir::Value value, std::function<loop::ExpressionRef(const std::vector<Dim>&)> source) { sources_[value.id] = std::move(source); }
  void forget_source(ir::Value value) { sources_.erase(value.id); }
  /// Takes back all that was defined.
  void forget_sources() { sources_.clear(); }
  /// Checks here that an integer is in [0, upper), else the kernel fails on behalf of `node`; the integer as a Dim.
  Dim check_index(const ir::Node& node, loop::ExpressionRef value, Dim upper);
  /// Stores `value` at `index` into the buffer of body result `result`.
  void store_result(size_t result, const std::vector<Dim>& index);
  /// Results of this type may be so large that they are better stored past the caches.
  static bool may_pass_caches(const TensorType& type);
  /// From here on results are stored past the caches where they are large: each line is written once and not read again by the kernel.
  void stream_results(bool streams = true) { streams_ = streams; }

  /// Flat mode: values of `shape` are addressed by one linear index; arguments and results must be declared flat.
  void set_flat(Shape shape) { flat_ = std::move(shape), is_flat_ = true; }

 private:
  struct Scope {
    loop::Body* body;
    std::map<std::pair<int32_t, std::vector<Dim>>, loop::ExpressionRef> known;
  };

  loop::ExpressionRef name_here(loop::ExpressionRef expression);
  loop::ExpressionRef compute(ir::Value value, const std::vector<Dim>& index);
  loop::ExpressionRef view(const ir::Node& node, const ir::View& lowering, const std::vector<Dim>& index);
  loop::ExpressionRef index_node(const ir::Node& node, const ir::Index& lowering, const std::vector<Dim>& index);
  ir::AccessRequest access_request(const ir::Node& node, const std::vector<Dim>& index);

  KernelBuilder& builder_;
  const ir::Graph& graph_;
  const BodyBuffers& buffers_;
  std::vector<int32_t> uses_;
  std::vector<Scope> scopes_;
  std::map<int32_t, std::function<loop::ExpressionRef(const std::vector<Dim>&)>> sources_;
  std::vector<TensorType> operand_types_;  // of the request at hand
  int guard_depth_ = 0;  // inside a guarded side nothing may be computed ahead
  bool is_flat_ = false, streams_ = false;
  Shape flat_;
};

}  // namespace sinter::backend
