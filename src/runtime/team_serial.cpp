#include "runtime/team.h"

namespace sinter::runtime {
namespace {

class SerialTeam final : public Team {
 public:
  int size() const override { return 1; }
  void run(void (*work)(void* context, int participant), void* context) override { work(context, 0); }
};

}  // namespace

std::unique_ptr<Team> serial_team() { return std::make_unique<SerialTeam>(); }

}  // namespace sinter::runtime
