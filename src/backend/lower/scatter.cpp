// Kind `scatter`: data plus updates at places found by indices, in the order of the indices, by one tile.
#include "backend/lower/body_writer.h"
#include "backend/lower/lower_fusion.h"

namespace sinter::backend {
namespace {

/// Serial loops over `shape`, the last one of them a vector loop when asked for, around what `write` writes at an index.
template <class Write>
void loops_over(KernelBuilder& builder, BodyWriter& writer, const Shape& shape, bool vector, std::vector<Dim> index, const Write& write) {
  if (index.size() == shape.rank()) return write(index);
  const bool last = index.size() + 1 == shape.rank();
  const std::string i = builder.fresh("i");
  const Dim extent = shape[index.size()];
  builder.set_bound(i, extent);
  index.push_back(Dim::symbol(i));
  loop::Body body;
  writer.enter(body);
  loops_over(builder, writer, shape, vector, index, write);
  writer.leave();
  const bool lanes = vector && last;
  writer.here().push_back(make_loop(builder, i, extent, lanes ? loop::LoopKind::kVector : loop::LoopKind::kSerial,
                                    lanes ? builder.lanes(DType::kF32) : 1, std::move(body)));
}

}  // namespace

Section lower_scatter(KernelBuilder& builder, const FusionRequest& request) {
  SINTER_CHECK(request.body.nodes().size() == 1, "a scatter stands alone in its body");
  const ir::Node& node = request.body.nodes()[0];
  const auto axis = static_cast<size_t>(ir::get_attribute<int64_t>(*node.op, node.attributes, "axis"));
  const ir::Value data = node.operands[0], indices = node.operands[1], updates = node.operands[2];
  const TensorType& type = request.body.type(data);
  const Shape& places = request.body.type(indices).shape;
  const int32_t result = request.buffers.results[0];
  const auto part = [&](size_t begin, size_t end) {
    return Shape({type.shape.begin() + static_cast<std::ptrdiff_t>(begin), type.shape.begin() + static_cast<std::ptrdiff_t>(end)});
  };
  BodyWriter writer(builder, request.body, request.buffers);
  Section section;
  section.tiles = 1;
  writer.enter(section.body);
  loops_over(builder, writer, type.shape, true, {}, [&](const std::vector<Dim>& index) {
    writer.here().push_back({loop::Store{result, index, writer.value_at(data, index)}});
  });
  loops_over(builder, writer, part(0, axis), false, {}, [&](const std::vector<Dim>& front) {
    loops_over(builder, writer, places, false, {}, [&](const std::vector<Dim>& place) {
      const Dim x = writer.check_index(node, writer.value_at(indices, place), type.shape[axis]);
      loops_over(builder, writer, part(axis + 1, type.shape.rank()), true, {}, [&](const std::vector<Dim>& back) {
        std::vector<Dim> to = front, from = front;
        to.push_back(x);
        from.insert(from.end(), place.begin(), place.end());
        for (std::vector<Dim>* index : {&to, &from}) index->insert(index->end(), back.begin(), back.end());
        const loop::ExpressionRef sum =
            loop::apply(ScalarOp::kAdd, {loop::load(result, type.dtype, to), writer.value_at(updates, from)});
        writer.here().push_back({loop::Store{result, to, sum}});
      });
    });
  });
  writer.leave();
  return section;
}

}  // namespace sinter::backend
