#include "base/role.h"

namespace sinter {
namespace {
constexpr std::string_view kNames[] = {"input", "parameter", "state", "constant", "output", "prepared"};
}

std::string_view name(Role role) { return kNames[static_cast<size_t>(role)]; }

std::optional<Role> parse_role(std::string_view text) {
  for (size_t i = 0; i < std::size(kNames); ++i)
    if (kNames[i] == text) return static_cast<Role>(i);
  return std::nullopt;
}

}  // namespace sinter
