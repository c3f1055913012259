// Teams: who takes part in a run. A team offers participants; it never decides what they do, and nothing waits for one that did not come.
#pragma once

#include <cstdint>
#include <memory>

namespace sinter::runtime {

class Team {
 public:
  virtual ~Team() = default;
  /// Participants at most, the caller included.
  virtual int size() const = 0;
  /// Calls work(context, participant) on the calling thread (participant 0) and on whichever others are free, with distinct numbers below size().
  /// Returns when all that began have returned. When the team is busy with another run, the caller works alone. `work` never throws.
  virtual void run(void (*work)(void* context, int participant), void* context) = 0;
  /// Its threads may do other work of the host's while a run waits for them: nothing that such work waits for may be held meanwhile.
  virtual bool runs_other_work() const { return false; }
};

/// The caller alone.
std::unique_ptr<Team> serial_team();
/// Threads of the host compiler's OpenMP runtime.
std::unique_ptr<Team> openmp_team(int participants);
/// Threads of our own, which sleep after a short, bounded spin.
std::unique_ptr<Team> thread_team(int participants);

/// A host application's own loop: must call body(data, i) for each i in [0, count), on any threads, and return when all are done.
using HostParallelFor = void (*)(void* host, int64_t count, void (*body)(void* data, int64_t i), void* data);
std::unique_ptr<Team> host_team(int participants, HostParallelFor parallel_for, void* host);

}  // namespace sinter::runtime
