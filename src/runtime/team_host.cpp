#include <vector>

#include "runtime/team.h"
#include "runtime/team_gate.h"
#include "runtime/team_size.h"

namespace sinter::runtime {
namespace {

/// What a body called by the host needs; it outlives each run, so that bodies that come late find a closed gate.
struct Desk {
  explicit Desk(int participants) : seats(static_cast<size_t>(participants)) {}
  TeamGate gate;
  std::vector<std::atomic<bool>> seats;  // taken in the run under way

  static void body(void* data, int64_t i) {
    Desk& desk = *static_cast<Desk*>(data);
    if (i < 0 || i >= static_cast<int64_t>(desk.seats.size())) return;
    uint64_t seen = 0;
    desk.gate.enter(static_cast<int>(i), seen);
  }
};

class HostTeam final : public Team {
 public:
  HostTeam(int participants, HostParallelFor parallel_for, void* host) : desk_(participants), parallel_for_(parallel_for), host_(host) {}
  int size() const override { return static_cast<int>(desk_.seats.size()); }
  bool runs_other_work() const override { return true; }

  void run(void (*work)(void* context, int participant), void* context) override {
    if (!desk_.gate.acquire()) return work(context, 0);
    job_ = {work, context};
    for (std::atomic<bool>& seat : desk_.seats) seat.store(false, std::memory_order_relaxed);
    desk_.gate.open([](void* team, int i) { static_cast<HostTeam*>(team)->sit(i); }, this);
    const Closer closer{*this};
    parallel_for_(host_, size(), &Desk::body, &desk_);
  }

 private:
  /// A body the host calls twice does nothing the second time: two would share a participant's memory.
  void sit(int participant) {
    if (!desk_.seats[static_cast<size_t>(participant)].exchange(true, std::memory_order_acq_rel)) job_.work(job_.context, participant);
  }

  /// Also when the host's loop throws. If it left out participant 0, the caller is that one.
  struct Closer {
    HostTeam& team;
    ~Closer() {
      team.desk_.gate.close();
      team.sit(0);
      team.desk_.gate.release();
    }
  };

  struct Job {
    void (*work)(void*, int) = nullptr;
    void* context = nullptr;
  };

  Desk desk_;
  HostParallelFor parallel_for_;
  void* host_;
  Job job_;
};

}  // namespace

std::unique_ptr<Team> host_team(int participants, HostParallelFor parallel_for, void* host) {
  return std::make_unique<HostTeam>(checked_team_size(participants), parallel_for, host);
}

}  // namespace sinter::runtime
