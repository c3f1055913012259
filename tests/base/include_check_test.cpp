// Which folder may include which: the table of the architecture, held against every source file.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace sinter {
namespace {

namespace fs = std::filesystem;

struct Include {
  std::string from;    // file below src, "ir/module.cpp"
  std::string target;  // "base/dim.h" or "xsimd/xsimd.hpp"
  bool quoted;
};

bool begins(const std::string& text, std::string_view prefix) { return text.starts_with(prefix); }
std::string folder_of(const std::string& path) { return path.substr(0, path.find('/')); }

/// The folders of src that each may include besides itself.
const std::map<std::string, std::set<std::string>> kAllowed = {
    {"base", {}},
    {"io", {"base"}},
    {"ir", {"base"}},
    {"frontend", {"ir", "io", "base"}},
    {"passes", {"ir", "base"}},
    {"runtime", {"io", "base"}},
    {"backend", {"ir", "base"}},  // and the runtime's ABI, below
    {"driver", {"base", "io", "ir", "frontend", "passes", "runtime", "backend"}},
    {"api", {"base", "io", "ir", "frontend", "runtime", "driver"}},
    {"tools", {"base", "io", "ir", "frontend", "passes", "runtime", "backend", "driver"}},
};

/// Headers of base without C++ library, exceptions or allocation: what freestanding routines may use.
const std::set<std::string> kFreestanding = {"base/random.h"};

/// C++ headers of a freestanding implementation, and those whose functions the C library has; C's own end in ".h".
const std::set<std::string> kFreestandingStandard = {"array",   "bit",     "cfloat", "climits", "cmath",       "concepts", "cstddef",
                                                     "cstdint", "cstring", "limits", "span",    "type_traits", "utility"};

bool is_runtime_abi(const std::string& path) {
  return begins(path, "runtime/abi") || begins(path, "runtime/kernel/") || path == "runtime/program.h";
}

/// Why `include` is wrong; empty when it is right.
std::string complaint(const Include& include) {
  const std::string& from = include.from;
  const std::string& to = include.target;
  const std::string home = folder_of(from), folder = folder_of(to);
  if (begins(to, "llvm/") || begins(to, "llvm-c/")) return begins(from, "backend/llvm/") ? "" : "only backend/llvm includes LLVM";
  if (begins(to, "xsimd/")) return begins(from, "backend/simd/") ? "" : "only backend/simd includes xsimd";
  if (to == "omp.h") return home == "runtime" ? "" : "only the runtime includes OpenMP";
  if (!include.quoted && begins(from, "runtime/kernel/") && !to.ends_with(".h") && !kFreestandingStandard.contains(to)) {
    return "runtime/kernel is freestanding: it has no C++ library";
  }
  if (!include.quoted || !kAllowed.contains(folder)) return "";  // a system header, a library, or a generated file beside
  if (begins(from, "runtime/kernel/")) {
    const bool fine = begins(to, "runtime/kernel/") || to == "runtime/abi.h" || kFreestanding.contains(to);
    return fine ? "" : "runtime/kernel is freestanding: only itself, runtime/abi.h and " + *kFreestanding.begin();
  }
  if (folder == home) return "";
  if (home == "backend" && is_runtime_abi(to)) return "";
  if (home == "tools" && begins(to, "backend/llvm/")) return "the tools do not see backend/llvm";
  const auto allowed = kAllowed.find(home);
  if (allowed == kAllowed.end()) return "the folder " + home + " is not in the table";
  return allowed->second.contains(folder) ? "" : home + " may not include " + folder;
}

/// The include directive on a line, if there is one.
std::vector<Include> includes_of(const std::string& from, std::istream& text) {
  std::vector<Include> result;
  for (std::string line; std::getline(text, line);) {
    size_t at = line.find_first_not_of(" \t");
    if (at == std::string::npos || line[at] != '#') continue;
    at = line.find_first_not_of(" \t", at + 1);
    if (at == std::string::npos || line.compare(at, 7, "include") != 0) continue;
    const size_t open = line.find_first_of("\"<", at + 7);
    if (open == std::string::npos) continue;
    const size_t close = line.find(line[open] == '<' ? '>' : '"', open + 1);
    if (close == std::string::npos) continue;
    result.push_back({from, line.substr(open + 1, close - open - 1), line[open] == '"'});
  }
  return result;
}

bool is_source(const fs::path& path) {
  static const std::set<std::string> kEndings = {".h", ".hpp", ".cpp", ".c", ".cc", ".inc"};
  return kEndings.contains(path.extension().string());
}

std::vector<Include> all_includes(const fs::path& root, int& files) {
  std::vector<Include> result;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file() || !is_source(entry.path())) continue;
    ++files;
    std::ifstream text(entry.path());
    const auto found = includes_of(fs::relative(entry.path(), root).generic_string(), text);
    result.insert(result.end(), found.begin(), found.end());
  }
  return result;
}

TEST(IncludeCheck, FoldersIncludeOnlyWhatTheyMay) {
  int files = 0;
  std::set<std::string> with_openmp;
  for (const Include& include : all_includes(fs::path(SINTER_SOURCE_DIR) / "src", files)) {
    EXPECT_EQ(complaint(include), "") << include.from << " includes " << include.target;
    if (include.target == "omp.h") with_openmp.insert(include.from);
  }
  EXPECT_GT(files, 15);
  EXPECT_LE(with_openmp.size(), 1u) << "OpenMP belongs into one file";
}

TEST(IncludeCheck, PublicHeadersStandAlone) {
  const fs::path root = fs::path(SINTER_SOURCE_DIR) / "include";
  if (!fs::exists(root)) GTEST_SKIP() << "no public headers yet";
  int files = 0;
  for (const Include& include : all_includes(root, files)) {
    EXPECT_FALSE(include.quoted && kAllowed.contains(folder_of(include.target))) << include.from << " includes " << include.target;
  }
}

TEST(IncludeCheck, RejectsWhatTheTableForbids) {
  const auto rejected = [](const char* from, const char* to, bool quoted = true) { return !complaint({from, to, quoted}).empty(); };
  EXPECT_TRUE(rejected("base/dim.cpp", "ir/module.h"));
  EXPECT_TRUE(rejected("ir/module.cpp", "passes/pass.h"));
  EXPECT_TRUE(rejected("passes/fuse.cpp", "backend/compile.h"));
  EXPECT_TRUE(rejected("runtime/team.cpp", "ir/module.h"));
  EXPECT_TRUE(rejected("backend/compile.cpp", "runtime/team.h"));
  EXPECT_TRUE(rejected("runtime/kernel/math.cpp", "base/tensor.h"));
  EXPECT_TRUE(rejected("runtime/kernel/math.cpp", "string", false));
  EXPECT_FALSE(rejected("runtime/kernel/math.cpp", "cstdint", false));
  EXPECT_FALSE(rejected("runtime/kernel/math.cpp", "math.h", false));
  EXPECT_TRUE(rejected("tools/bench.cpp", "backend/llvm/jit.h"));
  EXPECT_TRUE(rejected("backend/loop/text.cpp", "llvm/IR/Module.h", false));
  EXPECT_TRUE(rejected("backend/llvm/jit.cpp", "xsimd/xsimd.hpp", false));
  EXPECT_TRUE(rejected("backend/compile.cpp", "omp.h", false));
  EXPECT_TRUE(rejected("stray/file.cpp", "base/dim.h"));
  EXPECT_FALSE(rejected("backend/compile.cpp", "runtime/abi.h"));
  EXPECT_FALSE(rejected("backend/compile.cpp", "runtime/kernel/offsets.h"));
  EXPECT_FALSE(rejected("runtime/kernel/random.cpp", "base/random.h"));
  EXPECT_FALSE(rejected("driver/compile.cpp", "backend/llvm/jit.h"));
  EXPECT_FALSE(rejected("base/dim.cpp", "vector", false));
}

TEST(IncludeCheck, ReadsDirectives) {
  std::istringstream text("#include \"a/b.h\"\n  #  include <c>\n// #include <d>\n#define include\n#include BROKEN\n#include \"e\n");
  const auto found = includes_of("x.cpp", text);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].target, "a/b.h");
  EXPECT_TRUE(found[0].quoted);
  EXPECT_EQ(found[1].target, "c");
  EXPECT_FALSE(found[1].quoted);
}

}  // namespace
}  // namespace sinter
