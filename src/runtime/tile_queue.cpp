#include "runtime/tile_queue.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "runtime/pause.h"

namespace sinter::runtime {
namespace {

/// Tasks beyond the first incomplete one that a participant looks at: one bit each.
constexpr size_t kWindow = 64;
/// The part of the rest of a range that is claimed at once: large pieces first, single tiles at the end.
constexpr int64_t kShare = 4;

}  // namespace

TileQueue::TileQueue(const Layout& layout, const std::vector<Segment>& segments, int participants)
    : calls_(layout.calls()), team_size_(participants), runs_(segments.size()) {
  const std::vector<std::vector<int32_t>> dependencies = layout.dependencies();
  std::vector<int32_t> task_of(calls_.size());
  for (const Segment& segment : segments) {
    const auto first = static_cast<int32_t>(tasks_.size());
    add_tasks(plan_tasks(segment, layout.estimates(), dependencies), dependencies, task_of);
    segments_.push_back({first, static_cast<int32_t>(tasks_.size()) - first});
  }
  counters_ = std::make_unique<Counters[]>(tasks_.size());
  cursors_ = std::make_unique<Cursor[]>(tasks_.empty() ? 0 : static_cast<size_t>(tasks_.back().first_cursor + tasks_.back().ranges));
}

/// The tasks of one segment, and who waits for whom: a task for the others that its kernels come after.
void TileQueue::add_tasks(const std::vector<Task>& tasks, const std::vector<std::vector<int32_t>>& dependencies, std::vector<int32_t>& task_of) {
  const size_t first = tasks_.size();
  std::vector<std::vector<int32_t>> successors(tasks.size());
  for (const Task& task : tasks) {
    const auto number = static_cast<int32_t>(tasks_.size());
    std::set<int32_t> before;
    for (int32_t k = task.first; k < task.first + task.count; ++k) {
      task_of[static_cast<size_t>(k)] = number;
      for (const int32_t earlier : dependencies[static_cast<size_t>(k)]) before.insert(task_of[static_cast<size_t>(earlier)]);
    }
    before.erase(number);
    for (const int32_t earlier : before) successors[static_cast<size_t>(earlier) - first].push_back(number);
    const int64_t pieces = task.shared ? calls_[static_cast<size_t>(task.first)].tiles : 1;
    const auto ranges = static_cast<int32_t>(std::min<int64_t>(pieces, team_size_));
    const int32_t cursor = tasks_.empty() ? 0 : tasks_.back().first_cursor + tasks_.back().ranges;
    tasks_.push_back({task.first, task.count, pieces, task.shared, ranges, cursor, static_cast<int32_t>(before.size()), 0, 0});
  }
  for (size_t i = 0; i < tasks.size(); ++i) {
    Work& work = tasks_[first + i];
    work.successors_begin = static_cast<int32_t>(successors_.size());
    successors_.insert(successors_.end(), successors[i].begin(), successors[i].end());
    work.successors_end = static_cast<int32_t>(successors_.size());
  }
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
  uint64_t taken = 0;  // bit i: nothing is left to claim of task low + i
  Backoff backoff;
  while (true) {
    for (; low < end && complete(low); ++low) taken >>= 1;
    if (low == end) return;
    bool worked = false;
    for (size_t task = low; task < std::min(end, low + kWindow) && !worked; ++task) {
      const uint64_t bit = uint64_t{1} << (task - low);
      if ((taken & bit) != 0 || !ready(task)) continue;
      worked = run_pieces(task, number);
      taken |= bit;
    }
    if (worked) {
      backoff.reset();
    } else {
      backoff.wait();
    }
  }
}

/// Claims pieces of a task until none is left, in the own range first; whether there were any.
bool TileQueue::run_pieces(size_t task, int number) {
  const Work& work = tasks_[task];
  Participant& self = participants_[static_cast<size_t>(number)];
  const int32_t own = static_cast<int32_t>(int64_t{number} * work.ranges / team_size_);
  int64_t done = 0;
  Pieces pieces;
  for (int32_t i = 0; i < work.ranges; ++i) {
    while (claim(work, (own + i) % work.ranges, pieces)) {
      perform(work, pieces, self);
      done += pieces.end - pieces.begin;
    }
  }
  if (done > 0) finish(task, done);
  return done > 0;
}

bool TileQueue::claim(const Work& work, int32_t range, Pieces& pieces) {
  const int64_t begin = work.pieces * range / work.ranges, end = work.pieces * (range + 1) / work.ranges;
  std::atomic<int64_t>& claimed = cursors_[static_cast<size_t>(work.first_cursor + range)].claimed;
  const int64_t limit = round_ * (end - begin);
  int64_t from = claimed.load(std::memory_order_relaxed);
  while (from < limit) {
    const int64_t count = (limit - from + kShare - 1) / kShare;
    if (!claimed.compare_exchange_weak(from, from + count, std::memory_order_relaxed)) continue;
    pieces.begin = end - (limit - from);
    pieces.end = pieces.begin + count;
    return true;
  }
  return false;
}

void TileQueue::perform(const Work& work, Pieces pieces, Participant& self) {
  const auto first = static_cast<size_t>(work.first_kernel);
  if (work.shared) return call(first, pieces, self);
  for (size_t k = first; k < first + static_cast<size_t>(work.kernels); ++k) call(k, {0, calls_[k].tiles}, self);
}

void TileQueue::call(size_t k, Pieces tiles, Participant& self) {
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

/// Whoever finishes the last piece tells the tasks that wait. What all participants wrote is visible to those that see the arrival.
void TileQueue::finish(size_t task, int64_t pieces) {
  const Work& work = tasks_[task];
  const int64_t before = counters_[task].finished.fetch_add(pieces, std::memory_order_acq_rel);
  if (before + pieces != round_ * work.pieces) return;
  for (int32_t i = work.successors_begin; i < work.successors_end; ++i)
    counters_[static_cast<size_t>(successors_[static_cast<size_t>(i)])].arrived.fetch_add(1, std::memory_order_acq_rel);
}

bool TileQueue::ready(size_t task) const {
  return counters_[task].arrived.load(std::memory_order_acquire) == round_ * tasks_[task].dependencies;
}

bool TileQueue::complete(size_t task) const {
  return counters_[task].finished.load(std::memory_order_acquire) == round_ * tasks_[task].pieces;
}

}  // namespace sinter::runtime
