// sinter_compare OLD NEW: two builds of the suite, benchmark by benchmark, in turns. What disturbs the machine for longer than one turn disturbs both, so
// the ratio of a pair of turns is believed, and the spread of these ratios tells how far.
#include <sys/wait.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "main.h"

namespace sinter::bench {
namespace {

struct Options {
  std::string old_suite, new_suite, filter = ".*", threads = "1", seconds = "0.05";
  int rounds = 7;
};

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

std::string output_of(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  std::string text;
  char buffer[4096];
  for (size_t count; (count = fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, count);
  const int status = pclose(pipe);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error("this failed: " + command);
  return text;
}

std::vector<std::string> names_of(const std::string& suite, const Options& options) {
  const std::string text = output_of(quoted(suite) + " --benchmark_list_tests --benchmark_filter=" + quoted(options.filter));
  std::vector<std::string> names;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (end > begin) names.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

/// A pattern for the name: what is special to some dialect of regular expressions matches any character.
std::string pattern_of(const std::string& name) {
  std::string pattern = "^";
  for (const char c : name) pattern += std::string_view("()[]*+.^$|?{}\\").find(c) != std::string_view::npos ? '.' : c;
  return pattern + "$";
}

double time_of(const std::string& suite, const std::string& name, const Options& options) {
  const std::string text = output_of(quoted(suite) + " --threads=" + options.threads + " --benchmark_format=json --benchmark_min_time=" + options.seconds +
                                     " --benchmark_filter=" + quoted(pattern_of(name)) + " 2>/dev/null");
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_object())
    for (const nlohmann::json& entry : json.at("benchmarks"))
      if (entry.at("name") == name) return entry.at("real_time");
  throw std::runtime_error(suite + " tells no time of " + name);
}

void compare(const Options& options) {
  const std::vector<std::string> known = names_of(options.old_suite, options), names = names_of(options.new_suite, options);
  std::printf("new time / old time: median, and the quarter and three-quarter points, of %d pairs of turns\n", options.rounds);
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      std::printf("%-70s  only in the new build\n", name.c_str());
      continue;
    }
    std::vector<double> ratios;
    for (int round = 0; round < options.rounds; ++round) {
      // Who begins changes, so that a drift favours neither.
      const bool old_first = round % 2 == 0;
      const double first = time_of(old_first ? options.old_suite : options.new_suite, name, options);
      const double second = time_of(old_first ? options.new_suite : options.old_suite, name, options);
      ratios.push_back(old_first ? second / first : first / second);
    }
    std::sort(ratios.begin(), ratios.end());
    const double low = ratios[ratios.size() / 4], middle = ratios[ratios.size() / 2], high = ratios[ratios.size() * 3 / 4];
    const char* verdict = high < 0.98 ? "faster" : low > 1.02 ? "SLOWER" : "";
    std::printf("%-70s  %.3f  (%.3f .. %.3f)  %s\n", name.c_str(), middle, low, high, verdict);
    std::fflush(stdout);
  }
}

}  // namespace

int run(int argc, char** argv) {
  Options options;
  std::vector<std::string> suites;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto value_of = [&](const std::string& option, std::string& value) {
      const bool is = argument.starts_with(option + "=");
      if (is) value = argument.substr(option.size() + 1);
      return is;
    };
    std::string rounds;
    if (value_of("--filter", options.filter) || value_of("--threads", options.threads) || value_of("--seconds", options.seconds)) continue;
    if (value_of("--rounds", rounds)) {
      const auto [end, error] = std::from_chars(rounds.data(), rounds.data() + rounds.size(), options.rounds);
      if (error != std::errc() || end != rounds.data() + rounds.size() || options.rounds < 1) throw std::runtime_error("--rounds is a whole number from 1");
    } else {
      suites.push_back(argument);
    }
  }
  if (suites.size() != 2) throw std::runtime_error("usage: sinter_compare OLD NEW [--filter=REGEX] [--rounds=7] [--threads=1] [--seconds=0.05], each a sinter_bench");
  options.old_suite = suites[0];
  options.new_suite = suites[1];
  compare(options);
  return 0;
}

}  // namespace sinter::bench
