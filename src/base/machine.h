// The machine as plain facts: instruction-set levels, caches, cores, register tiles. No LLVM, no measuring.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sinter {

/// Instruction-set levels that kernels are compiled for, lowest first. A level includes those below it.
enum class TargetLevel : uint8_t { kV2, kV3, kV4, kV4Bf16 };
std::string_view name(TargetLevel level);  // "v2", "v3", "v4", "v4-bf16"
std::optional<TargetLevel> parse_target_level(std::string_view text);

struct Target {
  TargetLevel level = TargetLevel::kV2;
  int vector_bits = 128;      // 128, 256, 512
  int vector_registers = 16;  // 16, 32
  bool has_fma = false;
  bool has_narrow_products = false;  // one instruction adds up products of 2 bf16, or of 4 bytes (u8 by i8), in each lane of 32 bits
  int lanes(int element_bytes) const { return vector_bits / 8 / element_bytes; }
};
Target target_of(TargetLevel level);

struct Machine {
  std::string cpu_name;
  TargetLevel best_level = TargetLevel::kV2;
  int cores = 1;  // usable by this process (affinity and cgroup quota)
  int64_t l1_bytes = 32 << 10, l2_bytes = 1 << 20, l3_bytes = 32 << 20;
  int64_t cache_line = 64;
};

/// Read once. Raises Error kUnsupported below x86-64-v2.
const Machine& this_machine();

/// The level to compile for: SINTER_TARGET when set (Error kUsage when unknown or above the machine), else the best.
TargetLevel default_target_level();

}  // namespace sinter
