// The sizes a team can have. Used by the makers of teams.
#pragma once

#include <string>

#include "base/error.h"

namespace sinter::runtime {

inline constexpr int kMostParticipants = 1024;

inline int checked_team_size(int participants) {
  if (participants >= 1 && participants <= kMostParticipants) return participants;
  throw Error(ErrorCode::kUsage, "a team of " + std::to_string(participants) + " threads").hint("1 to " + std::to_string(kMostParticipants));
}

}  // namespace sinter::runtime
