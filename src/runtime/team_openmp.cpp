// The only file with OpenMP: the host compiler's runtime, so that a process that uses OpenMP itself keeps one set of threads.
#include <omp.h>

#include <atomic>

#include "runtime/team.h"
#include "runtime/team_size.h"

namespace sinter::runtime {
namespace {

class OpenMpTeam final : public Team {
 public:
  explicit OpenMpTeam(int participants) : participants_(participants) {}
  int size() const override { return participants_; }

  void run(void (*work)(void* context, int participant), void* context) override {
    if (omp_in_parallel() != 0 || busy_.exchange(true, std::memory_order_acquire)) return work(context, 0);
#pragma omp parallel num_threads(participants_)
    work(context, omp_get_thread_num());
    busy_.store(false, std::memory_order_release);
  }

 private:
  int participants_;
  std::atomic<bool> busy_{false};
};

}  // namespace

std::unique_ptr<Team> openmp_team(int participants) {
  return checked_team_size(participants) == 1 ? serial_team() : std::make_unique<OpenMpTeam>(participants);
}

}  // namespace sinter::runtime
