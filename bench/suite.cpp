// The benchmark suite, with Google Benchmark's options and two of its own: --threads=N (1 unless given) and --tiny.
#include <benchmark/benchmark.h>

#include <charconv>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error.h"
#include "driver/measure.h"
#include "main.h"
#include "suite.h"

namespace sinter::bench {

int run(int argc, char** argv) {
  std::vector<char*> rest;
  int threads = 1;
  bool tiny = false;
  for (int i = 0; i < argc; ++i) {
    constexpr std::string_view kThreads = "--threads=";
    const std::string_view argument = argv[i];
    if (argument == "--tiny") {
      tiny = true;
    } else if (argument.starts_with(kThreads)) {
      const std::string_view number = argument.substr(kThreads.size());
      const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), threads);
      if (error != std::errc() || end != number.data() + number.size() || threads < 1)
        throw Error(ErrorCode::kUsage, "--threads is a whole number from 1, not " + std::string(number));
    } else {
      rest.push_back(argv[i]);
    }
  }
  int count = static_cast<int>(rest.size());
  benchmark::Initialize(&count, rest.data());
  if (benchmark::ReportUnrecognizedArguments(count, rest.data())) return 1;
  const auto team = runtime::thread_team(threads);
  driver::pin(*team);
  benchmark::AddCustomContext("threads used", std::to_string(threads));
  benchmark::AddCustomContext("target", std::string(name(default_target_level())));
  register_kernels(*team, tiny);
  register_compile_time(tiny);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace sinter::bench
