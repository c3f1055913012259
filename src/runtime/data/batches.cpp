#include "runtime/data/batches.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "runtime/data/shuffle.h"

namespace sinter::runtime {
namespace {

Tensor rows_like(const Tensor& all, int64_t rows) {
  Extents extents = all.extents();
  extents[0] = rows;
  return Tensor(all.dtype(), std::move(extents));
}

void gather(const Tensor& all, const int64_t* rows, Tensor& out) {
  if (out.bytes() == 0) return;
  const size_t count = static_cast<size_t>(out.extents()[0]), bytes = out.bytes() / count;
  for (size_t i = 0; i < count; ++i) {
    std::memcpy(static_cast<char*>(out.raw()) + i * bytes, static_cast<const char*>(all.raw()) + static_cast<size_t>(rows[i]) * bytes,
                bytes);
  }
}

}  // namespace

Batches::Batches(const Dataset& data, int64_t size) : data_(data) {
  if (size < 1)
    throw Error(ErrorCode::kUsage, "a batch of " + std::to_string(size) + " samples cannot be").hint("give a batch of 1 or more");
  size_ = std::min(size, std::max<int64_t>(data.samples(), 1));
  order_.resize(static_cast<size_t>(data.samples()));
  std::iota(order_.begin(), order_.end(), 0);
  const auto make = [&](int64_t samples) {
    return Batch{rows_like(data.features, samples), data.labelled ? rows_like(data.labels, samples) : data.labels, samples};
  };
  if (data.samples() >= size_) whole_ = make(size_);
  if (data.samples() % size_ != 0) last_ = make(data.samples() % size_);
}

int64_t Batches::count() const { return (data_.samples() + size_ - 1) / size_; }

void Batches::shuffle(uint32_t seed, int64_t epoch) { runtime::shuffle(order_, seed, Purpose::kShuffle, static_cast<uint32_t>(epoch)); }

const Batch& Batches::load(int64_t index) {
  SINTER_CHECK(index >= 0 && index < count(), "Batches::load: index");
  const int64_t first = index * size_;
  Batch& batch = data_.samples() - first >= size_ ? whole_ : last_;
  gather(data_.features, &order_[static_cast<size_t>(first)], batch.features);
  if (data_.labelled) gather(data_.labels, &order_[static_cast<size_t>(first)], batch.labels);
  return batch;
}

}  // namespace sinter::runtime
