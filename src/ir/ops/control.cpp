// Ops with regions (if, while, scan, fusion), the request for gradients (grad), and the barrier to them (stop_gradient).
#include <cstring>

#include "ir/ops/control_gradient.h"
#include "ir/ops/ops.h"

namespace sinter::ir {

namespace {

std::string list(std::span<const TensorType> types) {
  std::string text;
  for (const TensorType& type : types) text += (text.empty() ? "" : ", ") + type.to_string();
  return "(" + text + ")";
}

/// `region` takes exactly `expected`.
void require_arguments(const TypeRequest& request, std::string_view rule, size_t region, std::span<const TensorType> expected) {
  const std::vector<TensorType> actual = request.regions[region].argument_types();
  request.require(std::equal(actual.begin(), actual.end(), expected.begin(), expected.end()), rule,
                  "region " + request.op.regions[region] + " takes " + list(actual) + " where " + list(expected) + " is passed");
}

void require_results(const TypeRequest& request, std::string_view rule, size_t region, std::span<const TensorType> expected) {
  const std::vector<TensorType> actual = request.regions[region].result_types();
  request.require(std::equal(actual.begin(), actual.end(), expected.begin(), expected.end()), rule,
                  "region " + request.op.regions[region] + " returns " + list(actual) + " where " + list(expected) + " is expected");
}

TensorType condition_type() { return {DType::kBool, {}}; }

OpDef if_op() {
  OpDef op;
  op.name = "if";
  op.doc = "Runs region `then` on the operands where the predicate holds, else region `otherwise`.";
  op.operands = {{"predicate", "which region runs"}, {"operands", "what both regions are given", true}};
  op.regions = {"then", "otherwise"};
  op.rules = {{"C1", "predicate is bool[]"},
              {"C2", "both regions take the types of operands"},
              {"C3", "both regions return the same types, which are those of the results"}};
  op.type = [](const TypeRequest& request) {
    request.require(request.operands[0] == condition_type(), "C1", "the predicate must be bool[]");
    for (size_t region = 0; region < 2; ++region) require_arguments(request, "C2", region, request.operands.subspan(1));
    const std::vector<TensorType> results = request.regions[0].result_types();
    require_results(request, "C3", 1, results);
    return results;
  };
  op.evaluate = [](const EvaluateRequest& request) {
    const bool holds = request.operands[0].data<bool>()[0];
    return request.run_region(request.regions[holds ? 0 : 1], {request.operands.begin() + 1, request.operands.end()});
  };
  op.gradient = if_gradient();
  op.lowering = Control{};

  const TensorType flag{DType::kBool, {}}, row{DType::kF32, {Dim::symbol("n")}}, pair{DType::kF32, {2}};
  const std::string negate = "%0: f32[n] = argument 0\n%1: f32[n] = negate %0\nreturn %1\n";
  const std::string pass = "%0: f32[n] = argument 0\nreturn %0\n";
  const std::string pass_pair = "%0: f32[2] = argument 0\nreturn %0\n";
  const std::string product = "%0: f64[n] = argument 0\n%1: f64[n] = argument 1\n%2: f64[n] = tanh %0\n%3: f64[n] = multiply %2, %1\nreturn %3, %0\n";
  const std::string sum = "%0: f64[n] = argument 0\n%1: f64[n] = argument 1\n%2: f64[n] = exp %1\n%3: f64[n] = add %0, %2\nreturn %3, %1\n";
  const TensorType wide_row{DType::kF64, {Dim::symbol("n")}};
  op.samples = {{.operands = {{flag, Fill::kBool}, {row}}, .region_texts = {negate, pass}, .differentiable = false},
                {.operands = {{flag, Fill::kBool}, {wide_row}, {wide_row}}, .region_texts = {product, sum}}};
  op.bad_samples = {{"C1", {row, row}, {}, {negate, pass}},
                    {"C2", {flag, row}, {}, {negate, pass_pair}},
                    {"C3", {flag, row}, {}, {negate, "%0: f32[n] = argument 0\nreturn %0, %0\n"}}};
  return op;
}

OpDef while_op() {
  OpDef op;
  op.name = "while";
  op.doc = "Replaces the carried values by what region `body` makes of them, as long as region `condition` holds for them.";
  op.operands = {{"carried", "the values at the start", true}};
  op.regions = {"condition", "body"};
  op.rules = {{"C1", "both regions take the types of carried"}, {"C2", "condition returns one bool[]"}, {"C3", "body returns the types of carried"}};
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    for (size_t region = 0; region < 2; ++region) require_arguments(request, "C1", region, request.operands);
    require_results(request, "C2", 0, std::vector{condition_type()});
    require_results(request, "C3", 1, request.operands);
    return {request.operands.begin(), request.operands.end()};
  };
  op.evaluate = [](const EvaluateRequest& request) {
    std::vector<Tensor> carried = request.operands;
    while (request.run_region(request.regions[0], carried).at(0).data<bool>()[0]) carried = request.run_region(request.regions[1], carried);
    return carried;
  };
  op.gradient = NotDifferentiable{"how often a while goes round is known only when it ends; a scan has a gradient"};
  op.lowering = Control{};

  const TensorType count{DType::kI32, {}}, row{DType::kF32, {Dim::symbol("n")}};
  const std::string arguments = "%0: i32[] = argument 0\n%1: f32[n] = argument 1\n";
  const std::string below = arguments + "%2: i32[] = constant {value = i32[]{3}}\n%3: bool[] = less %0, %2\nreturn %3\n";
  const std::string step =
      arguments + "%2: i32[] = constant {value = i32[]{1}}\n%3: i32[] = add %0, %2\n%4: f32[n] = add %1, %1\nreturn %3, %4\n";
  op.samples = {{.operands = {{count, Fill::kSmallInteger}, {row}}, .region_texts = {below, step}, .differentiable = false}};
  op.bad_samples = {{"C1", {row, count}, {}, {below, step}},
                    {"C2", {count, row}, {}, {arguments + "return %0\n", step}},
                    {"C3", {count, row}, {}, {below, arguments + "return %1, %0\n"}}};
  return op;
}

/// The bytes of row `index` of a tensor whose rows have `size` bytes.
void copy_row(const void* from, int64_t from_index, void* to, int64_t to_index, size_t size) {
  if (size == 0) return;  // such tensors may have no memory
  std::memcpy(static_cast<char*>(to) + static_cast<size_t>(to_index) * size, static_cast<const char*>(from) + static_cast<size_t>(from_index) * size,
              size);
}

/// One row of a scanned tensor, without its first axis.
Tensor row_of(const Tensor& tensor, int64_t index) {
  Tensor row = Tensor::uninitialized(tensor.dtype(), {tensor.extents().begin() + 1, tensor.extents().end()});
  copy_row(tensor.raw(), index, row.raw(), 0, row.bytes());
  return row;
}

std::vector<TensorType> scan_types(const TypeRequest& request) {
  const Dim& length = request.get<Dim>("length");
  const int64_t carried = request.get<int64_t>("carried");
  const size_t count = request.operands.size();
  request.require(carried >= 0 && static_cast<uint64_t>(carried) <= count, "C1",
                  "carried = " + std::to_string(carried) + " of " + std::to_string(count) + " operands");
  std::vector<TensorType> arguments(request.operands.begin(), request.operands.end());
  for (size_t i = static_cast<size_t>(carried); i < count; ++i) {
    const std::vector<Dim>& dims = request.shape(i).dims();
    request.require(!dims.empty() && dims[0] == length, "C2", "the first dim of each scanned operand must be " + length.to_string());
    arguments[i].shape = Shape(std::vector<Dim>(dims.begin() + 1, dims.end()));
  }
  require_arguments(request, "C3", 0, arguments);

  std::vector<TensorType> results = request.regions[0].result_types();
  bool kept = results.size() >= static_cast<size_t>(carried);
  for (size_t i = 0; kept && i < static_cast<size_t>(carried); ++i) kept = results[i] == request.operands[i];
  request.require(kept, "C4", "body returns " + list(results) + ", which does not begin with the carried types");
  for (size_t i = static_cast<size_t>(carried); i < results.size(); ++i) {
    std::vector<Dim> dims = results[i].shape.dims();
    dims.insert(dims.begin(), length);
    results[i].shape = Shape(std::move(dims));
  }
  return results;
}

std::vector<Tensor> evaluate_scan(const EvaluateRequest& request) {
  const size_t carried_count = static_cast<size_t>(request.get<int64_t>("carried"));
  const int64_t length = request.get<Dim>("length").evaluate(request.symbols);
  std::vector<Tensor> results(request.operands.begin(), request.operands.begin() + static_cast<std::ptrdiff_t>(carried_count));
  for (size_t i = carried_count; i < request.result_types.size(); ++i) results.push_back(request.make_result(i));
  const bool reverse = request.get<bool>("reverse");
  for (int64_t count = 0; count < length; ++count) {
    const int64_t step = reverse ? length - 1 - count : count;
    std::vector<Tensor> arguments(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(carried_count));
    for (size_t i = carried_count; i < request.operands.size(); ++i) arguments.push_back(row_of(request.operands[i], step));
    const std::vector<Tensor> made = request.run_region(request.regions[0], std::move(arguments));
    for (size_t i = 0; i < made.size(); ++i) {
      if (i < carried_count) {
        results[i] = made[i];
      } else {
        copy_row(made[i].raw(), 0, results[i].raw(), step, made[i].bytes());
      }
    }
  }
  return results;
}

OpDef scan_op() {
  OpDef op;
  op.name = "scan";
  op.doc =
      "Runs region `body` once per row of the scanned operands, in order; with `reverse` the last row comes first. It takes the carried values and one row of each scanned operand, "
      "and returns the next carried values and one row of each stacked result. The results are the last carried values, then the stacked ones.";
  op.operands = {{"operands", "the values carried at the start, then the scanned ones", true}};
  op.attributes = {{"carried", AttributeKind::kInteger, "how many of the operands are carried", {}},
                   {"length", AttributeKind::kDim, "the number of steps", {}},
                   {"reverse", AttributeKind::kBool, "from the last row to the first", Attribute(false)}};
  op.regions = {"body"};
  op.rules = {{"C1", "carried is between 0 and the number of operands"},
              {"C2", "the first dim of each scanned operand is length"},
              {"C3", "body takes the carried types and the types of rows"},
              {"C4", "body returns the carried types first"}};
  op.type = scan_types;
  op.evaluate = evaluate_scan;
  op.gradient = scan_gradient();
  op.lowering = Control{};

  const Dim n = Dim::symbol("n");
  const TensorType total{DType::kF32, {}}, row{DType::kF32, {n}};
  const std::string arguments = "%0: f32[] = argument 0\n%1: f32[] = argument 1\n";
  const std::string running_sum = arguments + "%2: f32[] = add %0, %1\nreturn %2, %2\n";
  const auto attributes = [&](int64_t carried, Dim length) { return Attributes{{"carried", carried}, {"length", length}}; };
  Attributes backwards = attributes(1, n);
  backwards["reverse"] = true;
  op.samples = {{.operands = {{total}, {row}}, .attributes = attributes(1, n), .region_texts = {running_sum}, .differentiable = false},
                {.operands = {{total}, {row}}, .attributes = backwards, .region_texts = {running_sum}, .differentiable = false}};
  // A cell with weights and a count.
  const std::string cell =
      "%0: f64[2, 3] = argument 0\n%1: f64[3, 3] = argument 1\n%2: f64[3] = argument 2\n%3: i32[] = argument 3\n%4: f64[2, 3] = argument 4\n"
      "%5: f64[2, 3] = dot_general %0, %1 {lhs_batch = [], lhs_contract = [1], rhs_batch = [], rhs_contract = [1]}\n"
      "%6: f64[2, 3] = broadcast %2 {axes = [1], shape = shape[2, 3]}\n%7: f64[2, 3] = multiply %5, %6\n%8: f64[2, 3] = add %7, %4\n"
      "%9: f64[2, 3] = tanh %8\n%10: i32[] = add %3, %3\n%11: f64[] = cast %10 {dtype = f64}\n%12: f64[2, 3] = broadcast %11 {axes = [], shape = shape[2, 3]}\n"
      "%13: f64[2, 3] = multiply %9, %12\nreturn %9, %1, %2, %10, %13\n";
  const TensorType state{DType::kF64, {2, 3}}, weight{DType::kF64, {3, 3}}, scale{DType::kF64, {3}}, number{DType::kI32, {}}, inputs{DType::kF64, {n, 2, 3}};
  for (const bool reverse : {false, true}) {
    Attributes four = attributes(4, n);
    if (reverse) four["reverse"] = true;
    op.samples.push_back({.operands = {{state}, {weight}, {scale}, {number, Fill::kSmallInteger}, {inputs}}, .attributes = four, .region_texts = {cell}});
  }
  op.bad_samples = {{"C1", {total, row}, attributes(3, n), {running_sum}},
                    {"C2", {total, row}, attributes(1, n + 1), {running_sum}},
                    {"C3", {row, row}, attributes(1, n), {running_sum}},
                    {"C4", {total, row}, attributes(1, n), {arguments + "return\n"}}};
  return op;
}

OpDef grad_op() {
  OpDef op;
  op.name = "grad";
  op.doc = "The derivatives of a scalar with respect to values that it was computed from. The pass `grad` puts the nodes that compute them in its place.";
  op.operands = {{"y", "the scalar"}, {"x", "the values", true}};
  op.rules = {{"C1", "y is a float of rank 0"}, {"C2", "each x is of a float dtype"}};
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> {
    request.require(is_float(request.dtype(0)) && request.shape(0).rank() == 0, "C1", "only a scalar float has gradients",
                    "reduce it with mean or sum");
    for (size_t i = 1; i < request.operands.size(); ++i) request.require(is_float(request.dtype(i)), "C2", "only floats have gradients");
    return {request.operands.begin() + 1, request.operands.end()};
  };
  op.evaluate = [](const EvaluateRequest&) -> std::vector<Tensor> {
    throw Error(ErrorCode::kUnsupported, "the evaluator cannot run grad, which needs the graph around it").rule("grad").hint("run the pass grad first");
  };
  op.gradient = NotDifferentiable{"the pass grad expands the inner gradient first"};
  op.lowering = NotNative{"the pass grad expands it"};

  // No samples: what it gives depends on the nodes around it.
  const TensorType scalar{DType::kF32, {}}, row{DType::kF32, {2}}, labels{DType::kI64, {2}};
  op.bad_samples = {{"C1", {row, row}, {}, {}}, {"C2", {scalar, labels}, {}, {}}};
  return op;
}

OpDef fusion_op() {
  OpDef op;
  op.name = "fusion";
  op.doc = "Nodes that one kernel computes: region `body` on the operands. Made by the pass `fuse`.";
  op.operands = {{"operands", "what the kernel reads", true}};
  op.attributes = {{"kind", AttributeKind::kString, "which schedule compiles it", {}},
                   {"rows", AttributeKind::kInteger, "of kind stages: rows that go through all stages at a time", Attribute(int64_t{0})},
                   {"reason", AttributeKind::kString, "why it was made, with the estimated cost of both choices", Attribute(std::string())}};
  op.regions = {"body"};
  op.rules = {{"C1", "body takes the types of operands"}};
  op.type = [](const TypeRequest& request) {
    require_arguments(request, "C1", 0, request.operands);
    return request.regions[0].result_types();
  };
  op.evaluate = [](const EvaluateRequest& request) { return request.run_region(request.regions[0], request.operands); };
  op.gradient = NotDifferentiable{"gradients are taken before nodes are fused"};
  op.lowering = Control{};

  const TensorType row{DType::kF32, {Dim::symbol("n")}}, pair{DType::kF32, {2}};
  const std::string body = "%0: f32[n] = argument 0\n%1: f32[n] = argument 1\n%2: f32[n] = multiply %0, %1\n%3: f32[n] = negate %2\nreturn %2, %3\n";
  const Attributes loops = {{"kind", std::string("loops")}};
  op.samples = {{.operands = {{row}, {row}}, .attributes = loops, .region_texts = {body}, .differentiable = false}};
  op.bad_samples = {{"C1", {row, pair}, loops, {body}}};
  return op;
}

OpDef stop_gradient_op() {
  OpDef op;
  op.name = "stop_gradient";
  op.doc = "The operand itself; gradients do not pass.";
  op.operands = {{"x", "any tensor"}};
  op.type = [](const TypeRequest& request) -> std::vector<TensorType> { return {request.operands[0]}; };
  op.evaluate = [](const EvaluateRequest& request) { return request.operands; };
  op.gradient = [](const GradientRequest&) { return std::vector<Value>(1); };
  op.takes_narrow = true;
  op.lowering = Elementwise{ScalarBody::operand(0)};
  const TensorType row{DType::kF32, {Dim::symbol("n")}}, labels{DType::kI64, {3}};
  op.samples = {{.operands = {{row}}, .differentiable = false}, {.operands = {{labels, Fill::kSmallInteger}}, .differentiable = false}};
  return op;
}

}  // namespace

void add_control_ops(OpRegistry& registry) {
  for (OpDef (*make)() : {if_op, while_op, scan_op, grad_op, fusion_op, stop_gradient_op}) registry.add(make());
}

}  // namespace sinter::ir
