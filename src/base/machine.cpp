// The only file outside the backend that names x86 features: it asks the processor and the system what there is.
#include "base/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace sinter {
namespace {

constexpr TargetLevel kAllLevels[] = {TargetLevel::kV2, TargetLevel::kV3, TargetLevel::kV4, TargetLevel::kV4Bf16};

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\n"), end = text.find_last_not_of(" \t\n");
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

#if defined(__x86_64__)

struct Leaf {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Leaf cpuid(unsigned leaf, unsigned sub = 0) {
  Leaf result;
  __get_cpuid_count(leaf, sub, &result.eax, &result.ebx, &result.ecx, &result.edx);  // leaves zeros when there is no such leaf
  return result;
}

/// The register sets that the system saves on a context switch (XCR0); without its support the instructions trap.
unsigned saved_state() {
  if ((cpuid(1).ecx & bit_OSXSAVE) == 0) return 0;
  unsigned low = 0, high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

bool has_all(unsigned word, unsigned bits) { return (word & bits) == bits; }

/// The psABI's x86-64 levels, from the processor's flags.
std::optional<TargetLevel> detect_level() {
  constexpr unsigned kYmm = 0x6, kZmm = 0xe6;             // SSE and AVX; and the mask and upper halves of AVX-512
  constexpr unsigned kSahf = 1u << 0, kLzcnt = 1u << 5;   // leaf 80000001, ecx
  constexpr unsigned kAvx512Bf16 = 1u << 5;               // leaf 7.1, eax
  const Leaf basic = cpuid(1), wide = cpuid(7), wider = cpuid(7, 1), extended = cpuid(0x80000001);
  const unsigned state = saved_state();
  if (!has_all(basic.ecx, bit_SSE3 | bit_SSSE3 | bit_SSE4_1 | bit_SSE4_2 | bit_POPCNT | bit_CMPXCHG16B)) return std::nullopt;
  if (!has_all(extended.ecx, kSahf)) return std::nullopt;
  const bool v3 = has_all(basic.ecx, bit_AVX | bit_FMA | bit_F16C | bit_MOVBE) && has_all(wide.ebx, bit_AVX2 | bit_BMI | bit_BMI2) &&
                  has_all(extended.ecx, kLzcnt) && has_all(state, kYmm);
  if (!v3) return TargetLevel::kV2;
  const bool v4 =
      has_all(wide.ebx, bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL) && has_all(state, kZmm);
  if (!v4) return TargetLevel::kV3;
  return has_all(wider.eax, kAvx512Bf16) && has_all(wide.ecx, bit_AVX512VNNI) ? TargetLevel::kV4Bf16 : TargetLevel::kV4;
}

std::string detect_cpu_name() {
  if (cpuid(0x80000000).eax < 0x80000004) return "x86-64";
  std::string text;
  for (unsigned leaf = 0x80000002; leaf <= 0x80000004; ++leaf) {
    const Leaf words = cpuid(leaf);
    char bytes[sizeof words];
    std::memcpy(bytes, &words, sizeof words);
    text.append(bytes, sizeof bytes);
  }
  return trimmed(text.substr(0, text.find('\0')));
}

#else

std::optional<TargetLevel> detect_level() { return TargetLevel::kV2; }  // stands for the generic level
std::string detect_cpu_name() { return "generic"; }

#endif

/// Data or unified cache of a level as the kernel describes it; 0 when it does not say.
int64_t cache_bytes(int level) {
  for (int index = 0; index < 8; ++index) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    if (first_line(folder + "level") != std::to_string(level) || first_line(folder + "type") == "Instruction") continue;
    std::istringstream size(first_line(folder + "size"));
    int64_t amount = 0;
    char unit = 0;
    size >> amount >> unit;
    return amount * (unit == 'K' ? int64_t{1} << 10 : unit == 'M' ? int64_t{1} << 20 : 1);
  }
  constexpr int kNames[] = {_SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE};
  return std::max<int64_t>(0, sysconf(kNames[level - 1]));
}

/// Cores that the quota of `folder` (a cgroup's) pays for, in both versions' spelling; nullopt when unlimited.
std::optional<int> quota_cores(const std::string& folder) {
  double quota = -1, period = 0;
  std::istringstream v2(first_line(folder + "/cpu.max"));  // "max 100000" or "200000 100000"
  if (!(v2 >> quota >> period)) {
    quota = -1;
    std::istringstream v1(first_line(folder + "/cpu.cfs_quota_us") + " " + first_line(folder + "/cpu.cfs_period_us"));
    if (!(v1 >> quota >> period)) return std::nullopt;
  }
  if (quota <= 0 || period <= 0) return std::nullopt;
  return std::max(1, static_cast<int>(quota / period + 0.999));
}

/// The smallest quota on the way from this process's cgroup to the root.
std::optional<int> cgroup_cores() {
  std::optional<int> least;
  const auto consider = [&](const std::string& folder) {
    const auto cores = quota_cores(folder);
    if (cores && (!least || *cores < *least)) least = cores;
  };
  std::ifstream groups("/proc/self/cgroup");  // lines "0::/path" (v2) or "4:cpu,cpuacct:/path" (v1)
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string root;
    if (controllers.empty()) root = "/sys/fs/cgroup";
    if (("," + controllers + ",").find(",cpu,") != std::string::npos) root = "/sys/fs/cgroup/cpu";
    if (root.empty()) continue;
    for (std::string path = line.substr(second + 1); path.size() > 1; path.resize(path.rfind('/'))) {
      consider(root + path);
      if (path.rfind('/') == std::string::npos) break;
    }
    consider(root);
  }
  return least;
}

int affinity_cores() {
  // The mask has as many bits as the kernel was built for: grow it until it fits.
  for (int possible = 1024; possible <= 1 << 20; possible *= 4) {
    cpu_set_t* set = CPU_ALLOC(static_cast<size_t>(possible));
    if (set == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(possible));
    const int count = sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
  return static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

Machine detect() {
  Machine machine;
  const auto level = detect_level();
  if (!level) {
    throw Error(ErrorCode::kUnsupported, "this processor is below x86-64-v2").hint("SSE4.2 and POPCNT are needed");
  }
  machine.best_level = *level;
  machine.cpu_name = detect_cpu_name();
  machine.cores = std::min(affinity_cores(), cgroup_cores().value_or(1 << 20));
  const auto set_if_known = [](int64_t& field, int64_t value) {
    if (value > 0) field = value;
  };
  set_if_known(machine.l1_bytes, cache_bytes(1));
  set_if_known(machine.l2_bytes, cache_bytes(2));
  set_if_known(machine.l3_bytes, cache_bytes(3));
  set_if_known(machine.cache_line, sysconf(_SC_LEVEL1_DCACHE_LINESIZE));
  return machine;
}

}  // namespace

std::string_view name(TargetLevel level) {
  switch (level) {
    case TargetLevel::kV2: return "v2";
    case TargetLevel::kV3: return "v3";
    case TargetLevel::kV4: return "v4";
    case TargetLevel::kV4Bf16: return "v4-bf16";
  }
  return "unknown";
}

std::optional<TargetLevel> parse_target_level(std::string_view text) {
  for (const TargetLevel level : kAllLevels) {
    if (name(level) == text) return level;
  }
  return std::nullopt;
}

Target target_of(TargetLevel level) {
  switch (level) {
    case TargetLevel::kV2: break;
    case TargetLevel::kV3: return {.level = level, .vector_bits = 256, .vector_registers = 16, .has_fma = true};
    case TargetLevel::kV4: return {.level = level, .vector_bits = 512, .vector_registers = 32, .has_fma = true};
    case TargetLevel::kV4Bf16: return {.level = level, .vector_bits = 512, .vector_registers = 32, .has_fma = true, .has_narrow_products = true};
  }
  return {.level = level, .vector_bits = 128, .vector_registers = 16, .has_fma = false};
}

const Machine& this_machine() {
  static const Machine machine = detect();
  return machine;
}

TargetLevel default_target_level() {
  const TargetLevel best = this_machine().best_level;
  const char* wanted = std::getenv("SINTER_TARGET");
  if (wanted == nullptr || *wanted == '\0') return best;
  const auto level = parse_target_level(wanted);
  if (!level) {
    throw Error(ErrorCode::kUsage, "SINTER_TARGET=" + std::string(wanted) + " names no instruction set").hint("known are v2, v3, v4 and v4-bf16");
  }
  if (*level > best) {
    throw Error(ErrorCode::kUsage, "SINTER_TARGET=" + std::string(wanted) + " is above this machine").hint("its best is " + std::string(name(best)));
  }
  return *level;
}

}  // namespace sinter
