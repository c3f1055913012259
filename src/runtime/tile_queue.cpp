#include "runtime/tile_queue.h"

#include <algorithm>
#include <chrono>

#include "runtime/pause.h"

namespace sinter::runtime {
namespace {

/// Kernels beyond the first incomplete one that a participant looks at: one bit each.
constexpr size_t kWindow = 64;
/// The part of the rest of a range that is claimed at once: large pieces first, single tiles at the end.
constexpr int64_t kShare = 4;

}  // namespace

TileQueue::TileQueue(const Layout& layout, const std::vector<Segment>& segments, int participants)
    : calls_(layout.calls()), segments_(segments), team_size_(participants), runs_(segments.size()) {
  const std::vector<std::vector<int32_t>> dependencies = layout.dependencies();
  std::vector<std::vector<int32_t>> successors(calls_.size());
  for (size_t k = 0; k < calls_.size(); ++k)
    for (const int32_t before : dependencies[k]) successors[static_cast<size_t>(before)].push_back(static_cast<int32_t>(k));

  int32_t cursors = 0;
  for (size_t k = 0; k < calls_.size(); ++k) {
    const int64_t tiles = std::max<int64_t>(calls_[k].tiles, 1);
    const int32_t ranges = static_cast<int32_t>(std::min<int64_t>(tiles, participants));
    const int32_t begin = static_cast<int32_t>(successors_.size());
    successors_.insert(successors_.end(), successors[k].begin(), successors[k].end());
    kernels_.push_back({tiles, ranges, cursors, static_cast<int32_t>(dependencies[k].size()), begin, static_cast<int32_t>(successors_.size())});
    cursors += ranges;
  }
  counters_ = std::make_unique<Counters[]>(calls_.size());
  cursors_ = std::make_unique<Cursor[]>(static_cast<size_t>(cursors));
}

void TileQueue::run(size_t segment, Team& team, std::span<Participant> participants) {
  segment_ = segment;
  round_ = ++runs_[segment];
  participants_ = participants;
  failed_at_.store(Participant::kNever, std::memory_order_relaxed);
  team.run([](void* queue, int number) { static_cast<TileQueue*>(queue)->take_part(number); }, this);
}

void TileQueue::take_part(int number) {
  size_t low = static_cast<size_t>(segments_[segment_].first);
  const size_t end = low + static_cast<size_t>(segments_[segment_].count);
  uint64_t taken = 0;  // bit i: nothing is left to claim of kernel low + i
  Backoff backoff;
  while (true) {
    for (; low < end && complete(low); ++low) taken >>= 1;
    if (low == end) return;
    bool worked = false;
    for (size_t k = low; k < std::min(end, low + kWindow) && !worked; ++k) {
      const uint64_t bit = uint64_t{1} << (k - low);
      if ((taken & bit) != 0 || !ready(k)) continue;
      worked = run_tiles(k, number);
      taken |= bit;
    }
    if (worked) {
      backoff.reset();
    } else {
      backoff.wait();
    }
  }
}

/// Claims tiles of kernel k until none is left, in the own range first; whether there were any.
bool TileQueue::run_tiles(size_t k, int number) {
  const Kernel& kernel = kernels_[k];
  Participant& self = participants_[static_cast<size_t>(number)];
  const int32_t own = static_cast<int32_t>(int64_t{number} * kernel.ranges / team_size_);
  int64_t done = 0;
  Tiles tiles;
  for (int32_t i = 0; i < kernel.ranges; ++i) {
    while (claim(kernel, (own + i) % kernel.ranges, tiles)) {
      call(k, tiles, self);
      done += tiles.end - tiles.begin;
    }
  }
  if (done > 0) finish(k, done);
  return done > 0;
}

bool TileQueue::claim(const Kernel& kernel, int32_t range, Tiles& tiles) {
  const int64_t begin = kernel.tiles * range / kernel.ranges, end = kernel.tiles * (range + 1) / kernel.ranges;
  std::atomic<int64_t>& claimed = cursors_[static_cast<size_t>(kernel.first_cursor + range)].claimed;
  const int64_t limit = round_ * (end - begin);
  int64_t from = claimed.load(std::memory_order_relaxed);
  while (from < limit) {
    const int64_t count = (limit - from + kShare - 1) / kShare;
    if (!claimed.compare_exchange_weak(from, from + count, std::memory_order_relaxed)) continue;
    tiles.begin = end - (limit - from);
    tiles.end = tiles.begin + count;
    return true;
  }
  return false;
}

void TileQueue::call(size_t k, Tiles tiles, Participant& self) {
  const KernelCall& kernel = calls_[k];
  if (kernel.tiles == 0 || place(k, tiles.begin) > failed_at_.load(std::memory_order_relaxed)) return;
  const SinterArgs args = {kernel.buffers, kernel.dims, self.scratch, &self.failure};
  int32_t code;
  if (self.seconds.empty()) {
    code = kernel.code(&args, tiles.begin, tiles.end);
  } else {
    const auto start = std::chrono::steady_clock::now();
    code = kernel.code(&args, tiles.begin, tiles.end);
    self.seconds[k] += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  if (code != SINTER_OK) record(place(k, tiles.begin), code, self);
}

void TileQueue::record(uint64_t place, int32_t code, Participant& self) {
  if (place < self.failed_at) {
    self.failed_at = place;
    self.lowest = self.failure;
    self.lowest.code = code;
  }
  uint64_t lowest = failed_at_.load(std::memory_order_relaxed);
  while (place < lowest && !failed_at_.compare_exchange_weak(lowest, place, std::memory_order_relaxed)) {
  }
}

/// Whoever finishes the last tile tells the kernels that wait. What all participants wrote is visible to those that see the arrival.
void TileQueue::finish(size_t k, int64_t tiles) {
  const Kernel& kernel = kernels_[k];
  const int64_t before = counters_[k].finished.fetch_add(tiles, std::memory_order_acq_rel);
  if (before + tiles != round_ * kernel.tiles) return;
  for (int32_t i = kernel.successors_begin; i < kernel.successors_end; ++i)
    counters_[static_cast<size_t>(successors_[static_cast<size_t>(i)])].arrived.fetch_add(1, std::memory_order_acq_rel);
}

bool TileQueue::ready(size_t k) const {
  return counters_[k].arrived.load(std::memory_order_acquire) == round_ * kernels_[k].dependencies;
}

bool TileQueue::complete(size_t k) const {
  return counters_[k].finished.load(std::memory_order_acquire) == round_ * kernels_[k].tiles;
}

}  // namespace sinter::runtime
