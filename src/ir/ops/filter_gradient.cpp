// filter_gradient: what a filter's gradient is to kernels, a sum over images and positions (docs/decisions/015-convolution-kernels.md).
#include <algorithm>

#include "ir/ops/domain.h"
#include "ir/ops/ops.h"
#include "ir/ops/record.h"
#include "ir/ops/reference.h"
#include "ir/ops/sliding.h"

namespace sinter::ir {
namespace {

Shape spatial(const Shape& shape) { return Shape(std::vector<Dim>(shape.begin() + 1, shape.end() - 1)); }

std::vector<TensorType> infer(const TypeRequest& request) {
  require_domain(request, 0, Domain::kFloat, "C1");
  request.require(request.dtype(0) == request.dtype(1), "C1", "the dtypes differ", "cast one of them");
  const Shape &input = request.shape(0), &cotangent = request.shape(1);
  const size_t rank = input.rank();
  request.require(rank >= 3 && rank <= 5 && cotangent.rank() == rank && input[0] == cotangent[0], "C2", "input and cotangent have other ranks or batches");
  const Sliding sliding = Sliding::of(request);
  const Shape& window = request.get<Shape>("window");
  require_entries(request, sliding, rank - 2, "C3");
  request.require(window.rank() == rank - 2, "C3", "window must have " + std::to_string(rank - 2) + " entries");
  require_steps(request, sliding, "C4");
  for (const int64_t step : sliding.input_dilation) request.require(step == 1, "C4", "the input is dilated");
  const Shape counts = sliding.counts(spatial(input), window);
  request.require(counts == spatial(cotangent), "C5", "windows over the input are " + counts.to_string() + ", the cotangent has " + spatial(cotangent).to_string());
  const int64_t groups = request.get<int64_t>("groups");
  const auto channels = groups < 1 ? std::nullopt : input[rank - 1].divide_exactly(groups);
  request.require(channels && cotangent[rank - 1].divide_exactly(groups), "C7",
                  std::to_string(groups) + " groups of " + input[rank - 1].to_string() + " and " + cotangent[rank - 1].to_string() + " channels");
  const int64_t blocks = request.get<int64_t>("blocks");
  request.require(blocks >= 1 && blocks <= 4096, "C6", std::to_string(blocks) + " blocks");
  Shape result{blocks};
  for (const Dim& dim : window) result.push_back(dim);
  result.push_back(*channels);
  result.push_back(cotangent[rank - 1]);
  return {{request.dtype(0), std::move(result)}};
}

std::vector<Tensor> evaluate(const EvaluateRequest& request) {
  const Tensor &input = request.operands[0], &cotangent = request.operands[1];
  const std::vector<SlidingAxis> axes = sliding_axes(Sliding::of(request), request.symbols);
  Tensor result = request.make_result();
  const Extents in = row_major_strides(input.extents()), out = row_major_strides(cotangent.extents());
  const int64_t blocks = result.extents()[0], images = (input.extents()[0] + blocks - 1) / blocks;
  const int64_t groups = request.get<int64_t>("groups"), channels = input.extents().back() / groups;
  const int64_t features = cotangent.extents().back() / groups;
  const Extents positions(cotangent.extents().begin() + 1, cotangent.extents().end() - 1);
  int64_t element = 0;
  for_each_index(result.extents(), [&](const Extents& at) {
    double sum = 0;
    for (int64_t n = at[0] * images; n < std::min((at[0] + 1) * images, input.extents()[0]); ++n)
      for_each_index(positions, [&](const Extents& o) {
        int64_t from = n * in[0] + at.back() / features * channels + at[axes.size() + 1], to = n * out[0] + at.back();
        for (size_t k = 0; k < axes.size(); ++k) {
          const int64_t source = axes[k].source(o[k], at[k + 1], input.extents()[k + 1]);
          if (source < 0) return;
          from += source * in[k + 1];
          to += o[k] * out[k + 1];
        }
        sum += input.get(from) * cotangent.get(to);
      });
    result.set(element++, sum);
  });
  return {result};
}

Attributes attributes(Shape window, int64_t blocks, Shape low, Shape high, Integers stride = {}, Integers dilation = {}, int64_t groups = 1) {
  const Integers ones(window.rank(), 1);
  Attributes made = Sliding{stride.empty() ? ones : stride, dilation.empty() ? ones : dilation, ones, std::move(low), std::move(high)}.attributes();
  made["window"] = std::move(window);
  made["blocks"] = blocks;
  made["groups"] = groups;
  return made;
}

OpDef record() {
  OpDef op;
  op.name = "filter_gradient";
  op.doc =
      "The gradient of a convolution by its filter, for blocks of images: result[b, w, k, c] is the sum over images n of block b and positions o "
      "of input[n, o * stride + w * dilation - padding_low, g * (channels / groups) + k] * cotangent[n, o, c], where g is the group of c. A block is ceil(batch / blocks) images, the last ones have fewer or none.";
  op.operands = {{"input", "[batch, spatial.., channels], a float"}, {"cotangent", "[batch, spatial.., output channels], of the same dtype"}};
  op.attributes = sliding_attributes();
  op.attributes.push_back({"window", AttributeKind::kShape, "the spatial sizes of the filter", std::nullopt});
  op.attributes.push_back({"blocks", AttributeKind::kInteger, "into which the images are cut", int64_t{1}});
  op.attributes.push_back({"groups", AttributeKind::kInteger, "of the convolution", int64_t{1}});
  op.rules = {{"C1", "both are of the same float dtype"},
              {"C2", "both have the same rank, from 3 to 5, and batch"},
              {"C3", "stride, paddings, dilations and window have one entry per spatial axis"},
              {"C4", "strides and dilations are 1 or more, input dilations are 1; they and paddings are at most 2^31"},
              {"C5", "the cotangent has the spatial sizes of the convolution's result"},
              {"C6", "blocks is in [1, 4096]"},
              {"C7", "groups is 1 or more and divides the channels of both"}};
  op.type = infer;
  op.evaluate = evaluate;
  op.gradient = NotDifferentiable{"it is made for kernels, after gradients are"};
  op.lowering = Window{Window::Kind::kFilterGradient};
  op.samples = in_both_floats({
      sample_without_gradient({"f32[3, 5, 4, 3]", "f32[3, 3, 2, 2]"}, attributes({3, 3}, 1, {0, 0}, {0, 0})),
      sample_without_gradient({"f32[3, 5, 6, 2]", "f32[3, 3, 6, 17]"}, attributes({3, 3}, 3, {1, 1}, {1, 1}, {2, 1})),
      sample_without_gradient({"f32[2, 4, 5, 9]", "f32[2, 4, 6, 3]"}, attributes({3, 2}, 2, {1, 1}, {1, 1})),
      sample_without_gradient({"f32[3, 3, 4, 9]", "f32[3, 4, 3, 33]"}, attributes({2, 2}, 1, {2, 1}, {2, 0}, {}, {3, 2})),
      sample_without_gradient({"f32[3, 4, 4, 5]", "f32[3, 2, 2, 17]"}, attributes({3, 3}, 1, {1, 1}, {1, 1}, {2, 2})),
      sample_without_gradient({"f32[3, 9, 2]", "f32[3, 5, 3]"}, attributes({4}, 2, {2}, {2}, {2})),
      sample_without_gradient({"f32[3, 3, 4, 3, 2]", "f32[3, 2, 2, 4, 3]"}, attributes({2, 3, 2}, 2, {0, 1, 1}, {0, 1, 1}, {1, 2, 1})),
      sample_without_gradient({"f32[3, 4, 5, 6]", "f32[3, 4, 5, 9]"}, attributes({3, 3}, 2, {1, 1}, {1, 1}, {}, {}, 3)),
      sample_without_gradient({"f32[3, 5, 4, 19]", "f32[3, 3, 4, 19]"}, attributes({3, 2}, 2, {1, 1}, {1, 0}, {2, 1}, {}, 19)),  // depthwise
      sample_without_gradient({"f32[n, 2, 1]", "f32[n, 1, 1]"}, attributes({2}, 2, {0}, {0})),
      sample_without_gradient({"f32[2, 3, 0]", "f32[2, 2, 3]"}, attributes({2}, 1, {0}, {0})),
      sample_without_gradient({"f32[2, 3, 2]", "f32[2, 2, 0]"}, attributes({2}, 1, {0}, {0})),
  });
  const char *input = "f32[2, 5, 5, 4]", *cotangent = "f32[2, 3, 3, 6]";
  const auto plain = [](int64_t blocks = 1) { return attributes({3, 3}, blocks, {0, 0}, {0, 0}); };
  Attributes dilated = plain();
  dilated["input_dilation"] = Integers{2, 1};
  op.bad_samples = {bad("C1", {input, "f64[2, 3, 3, 6]"}, plain()),
                    bad("C2", {input, "f32[3, 3, 3, 6]"}, plain()),
                    bad("C3", {input, cotangent}, attributes({3}, 1, {0}, {0})),
                    bad("C4", {input, cotangent}, dilated),
                    bad("C4", {input, cotangent}, attributes({3, 3}, 1, {0, 0}, {0, 0}, {0, 1})),
                    bad("C5", {input, "f32[2, 4, 3, 6]"}, plain()),
                    bad("C6", {input, cotangent}, plain(0)),
                    bad("C7", {input, cotangent}, attributes({3, 3}, 1, {0, 0}, {0, 0}, {}, {}, 4))};
  return op;
}

}  // namespace

void add_filter_gradient(OpRegistry& registry) { registry.add(record()); }

}  // namespace sinter::ir
