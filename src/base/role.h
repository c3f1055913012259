// What a variable of a module is to the outside: shared by the graph IR, compiled programs and state.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sinter {

enum class Role : uint8_t {
  kInput,      // given at each call
  kParameter,  // trained; saved with the model
  kState,      // moments, running statistics, counters; kept between calls
  kConstant,   // part of the compiled program
  kOutput,     // handed back by each call
  kPrepared,   // computed from parameters, state and constants ahead of the calls that read it; never saved
};

std::string_view name(Role role);  // "input", "parameter", "state", "constant", "output", "prepared"
std::optional<Role> parse_role(std::string_view text);

}  // namespace sinter
