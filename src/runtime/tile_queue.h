// The tasks of a laid-out program (tasks.h) as shared work: who takes part claims whole tasks of cheap kernels, and ranges of tiles of others, once what
// they depend on is complete. Used by Run, one per Layout, one thread starting segments at a time. Never waits for anybody who has not claimed; allocates
// nothing after construction.
//
// All counters only grow: in the n-th run of a segment, a task of T pieces is complete when n * T are finished, ready when n * D of its D
// dependencies have arrived. So nothing has to be reset between runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/layout.h"

namespace sinter::runtime {

/// What belongs to one participant alone.
struct alignas(128) Participant {
  static constexpr uint64_t kNever = UINT64_MAX;

  void* scratch = nullptr;
  SinterFailure failure = {};      // the slot that kernels fill
  uint64_t failed_at = kNever;     // kernel and tile of the lowest failure it met, see TileQueue::place
  SinterFailure lowest = {};       // that failure
  std::vector<double> seconds;     // per kernel; empty unless profiling
};

class TileQueue {
 public:
  TileQueue(const Layout& layout, const std::vector<Segment>& segments, int participants);

  /// Runs a segment with the team. Failures are left in the participants; work after the lowest one is skipped.
  void run(size_t segment, Team& team, std::span<Participant> participants);

  /// Kernel and tile as one number that orders failures.
  static uint64_t place(size_t kernel, int64_t tile) { return uint64_t{kernel} << 40 | static_cast<uint64_t>(tile); }
  static size_t kernel_of(uint64_t place) { return static_cast<size_t>(place >> 40); }

 private:
  struct Work {
    int32_t first_kernel, kernels;  // several only when one participant runs them all
    int64_t pieces;                 // that can be claimed: tiles of a shared kernel, else 1
    bool shared;
    int32_t ranges;  // parts that participants prefer
    int32_t first_cursor;
    int32_t dependencies;
    int32_t successors_begin, successors_end;
  };
  struct alignas(64) Counters {
    std::atomic<int64_t> arrived{0};   // complete dependencies
    std::atomic<int64_t> finished{0};  // pieces
  };
  struct alignas(64) Cursor {
    std::atomic<int64_t> claimed{0};
  };
  struct Pieces {
    int64_t begin, end;
  };

  void add_tasks(const std::vector<Task>& tasks, const std::vector<std::vector<int32_t>>& dependencies, std::vector<int32_t>& task_of);
  void take_part(int number);
  bool run_pieces(size_t task, int number);
  bool claim(const Work& work, int32_t range, Pieces& pieces);
  void perform(const Work& work, Pieces pieces, Participant& self);
  void call(size_t k, Pieces tiles, Participant& self);
  void record(uint64_t place, int32_t code, Participant& self);
  void finish(size_t task, int64_t pieces);
  bool ready(size_t task) const;
  bool complete(size_t task) const;

  std::span<const KernelCall> calls_;
  std::vector<Segment> segments_;  // of tasks
  int team_size_;
  std::vector<Work> tasks_;
  std::vector<int32_t> successors_;
  std::unique_ptr<Counters[]> counters_;  // per task
  std::unique_ptr<Cursor[]> cursors_;     // per range of each task
  std::vector<int64_t> runs_;             // per segment, the one under way included

  // The run under way.
  size_t segment_ = 0;
  int64_t round_ = 0;  // runs_[segment_]
  std::span<Participant> participants_;
  std::atomic<uint64_t> failed_at_{Participant::kNever};
};

}  // namespace sinter::runtime
