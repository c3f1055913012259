#include "runtime/data/batches.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>

#include "runtime/data/shuffle.h"

namespace sinter::runtime {
namespace {

Tensor rows_like(const SampleType& type, int64_t rows) {
  Extents extents = {rows};
  extents.insert(extents.end(), type.extents.begin(), type.extents.end());
  return Tensor(type.dtype, std::move(extents));
}

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

/// The thread that reads ahead: it fills one batch at a time, when it is asked to.
class Batches::Ahead {
 public:
  explicit Ahead(Batches& batches) : batches_(batches), thread_([this] { work(); }) {}
  ~Ahead() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  /// Begins to fill batch `index`; nothing else may be under way.
  void ask(int64_t index, Batch& batch) {
    {
      const std::lock_guard lock(mutex_);
      index_ = index;
      batch_ = &batch;
      busy_ = true;
      failure_ = nullptr;
    }
    wake_.notify_all();
  }
  /// Waits for what is under way.
  void settle() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return !busy_; });
  }
  /// The batch that was asked for last, when it is `index` and was not taken before; else null.
  Batch* take(int64_t index) {
    settle();
    if (index_ != index) return nullptr;
    index_ = -1;
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    return batch_;
  }
  /// What was read ahead is of no use any more.
  void forget() {
    settle();
    index_ = -1;
    failure_ = nullptr;
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return busy_ || ending_; });
      if (ending_) return;
      lock.unlock();
      std::exception_ptr failure;
      try {
        batches_.fill(index_, *batch_);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      failure_ = failure;
      busy_ = false;
      done_.notify_all();
    }
  }

  Batches& batches_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  bool busy_ = false, ending_ = false;
  int64_t index_ = -1;
  Batch* batch_ = nullptr;
  std::exception_ptr failure_;
  std::thread thread_;
};

Batches::Batches(const Dataset& data, int64_t size) : data_(data) {
  if (size < 1)
    throw Error(ErrorCode::kUsage, "a batch of " + std::to_string(size) + " samples cannot be").hint("give a batch of 1 or more");
  size_ = std::min(size, std::max<int64_t>(data.samples(), 1));
  order_.resize(static_cast<size_t>(data.samples()));
  std::iota(order_.begin(), order_.end(), 0);
  const auto make = [&](int64_t samples) {
    if (data.reader) return Batch{rows_like(data.reader->feature(), samples), rows_like(data.reader->label(), data.labelled ? samples : 0), samples};
    return Batch{rows_like(data.features, samples), data.labelled ? rows_like(data.labels, samples) : data.labels, samples};
  };
  for (int which = 0; which < (data.reader ? 2 : 1); ++which) {
    if (data.samples() >= size_) whole_[which] = make(size_);
    if (data.samples() % size_ != 0) last_[which] = make(data.samples() % size_);
  }
  if (data.reader && count() > 0) ahead_ = std::make_unique<Ahead>(*this);
}

Batches::~Batches() = default;

int64_t Batches::count() const { return (data_.samples() + size_ - 1) / size_; }

void Batches::shuffle(uint32_t seed, int64_t epoch) {
  if (ahead_) ahead_->forget();
  const int64_t window = data_.reader ? data_.reader->window() : 0;
  if (window > 0) shuffle_in_windows(order_, window, seed, static_cast<uint32_t>(epoch));
  else runtime::shuffle(order_, seed, Purpose::kShuffle, static_cast<uint32_t>(epoch));
}

void Batches::augment(uint32_t seed, int64_t epoch) {
  if (ahead_) ahead_->forget();
  augmenting_ = Augmenting{seed, epoch};
}

Batch& Batches::place(int64_t index, int which) { return data_.samples() - index * size_ >= size_ ? whole_[which] : last_[which]; }

void Batches::fill(int64_t index, Batch& batch) {
  const int64_t first = index * size_;
  if (!data_.reader) {
    gather(data_.features, &order_[static_cast<size_t>(first)], batch.features);
    if (data_.labelled) gather(data_.labels, &order_[static_cast<size_t>(first)], batch.labels);
    return;
  }
  rows_.resize(static_cast<size_t>(batch.samples));
  for (size_t i = 0; i < rows_.size(); ++i) rows_[i] = data_.rows[static_cast<size_t>(order_[static_cast<size_t>(first) + i])];
  data_.reader->read(rows_, augmenting_, batch.features, batch.labels);
}

const Batch& Batches::load(int64_t index) {
  SINTER_CHECK(index >= 0 && index < count(), "Batches::load: index");
  if (!ahead_) {
    Batch& batch = place(index, 0);
    fill(index, batch);
    return batch;
  }
  Batch* batch = ahead_->take(index);
  if (batch == nullptr) {
    batch = &place(index, static_cast<int>(index % 2));
    fill(index, *batch);
  }
  if (index + 1 < count()) ahead_->ask(index + 1, place(index + 1, static_cast<int>((index + 1) % 2)));
  return *batch;
}

}  // namespace sinter::runtime
