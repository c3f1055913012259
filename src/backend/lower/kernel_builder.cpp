#include "backend/lower/kernel_builder.h"

#include "backend/loop/symbols.h"

namespace sinter::backend {

int32_t KernelBuilder::add_buffer(DType dtype, Shape shape, loop::BufferUse use) {
  SINTER_CHECK(scratch_.empty(), "buffers are declared before scratch");
  const auto index = static_cast<int32_t>(kernel_.buffers.size());
  kernel_.buffers.push_back({"b" + std::to_string(index), dtype, std::move(shape), use});
  return index;
}

int32_t KernelBuilder::add_scratch(DType dtype, int64_t elements) {
  const auto index = static_cast<int32_t>(kernel_.buffers.size());
  scratch_.push_back({"s" + std::to_string(index), dtype, Shape{Dim(elements)}, loop::BufferUse::kScratch});
  kernel_.buffers.push_back(scratch_.back());
  return index;
}

int32_t KernelBuilder::add_failure_site(std::string node) {
  failure_sites_.push_back(std::move(node));
  return static_cast<int32_t>(failure_sites_.size()) - 1;
}

std::string KernelBuilder::fresh(std::string_view stem) {
  std::string name;
  do {
    name = std::string(stem) + std::to_string(next_name_++);
  } while (reserved_.contains(name));
  return name;
}

void KernelBuilder::reserve(const ir::Graph& body) {
  for (int32_t id = 0; id < body.value_count(); ++id)
    for (const Dim& dim : body.type({id}).shape) dim.collect_symbols(reserved_);
  if (!reserved_.contains("tile")) return;
  throw Error(ErrorCode::kUnsupported, "a dim called 'tile' cannot be compiled, kernels use that word").hint("give the dim another name");
}

loop::Kernel KernelBuilder::finish(Section section) {
  kernel_.tiles = std::move(section.tiles);
  kernel_.body = std::move(section.body);
  kernel_.failure_sites = static_cast<int32_t>(failure_sites_.size());
  const std::set<std::string> free = loop::free_symbols(kernel_);
  kernel_.dims.assign(free.begin(), free.end());
  return std::move(kernel_);
}

Dim linearize(const std::vector<Dim>& index, const Shape& shape) {
  Dim position = 0;
  for (size_t axis = 0; axis < index.size(); ++axis) position = position * shape[axis] + index[axis];
  return position;
}

std::vector<Dim> delinearize(const Dim& position, const Shape& shape, size_t begin, size_t end) {
  std::vector<Dim> index(end - begin);
  Dim rest = position;
  for (size_t axis = end; axis > begin; --axis) {
    if (axis - 1 == begin) {
      index[0] = rest;
    } else if (shape[axis - 1] == Dim(0)) {
      index[axis - 1 - begin] = 0;  // there is no element: any index will do
    } else {
      index[axis - 1 - begin] = mod(rest, shape[axis - 1]);
      rest = floor_div(rest, shape[axis - 1]);
    }
  }
  return index;
}

}  // namespace sinter::backend
