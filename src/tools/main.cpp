// sinter: the command line. One file per verb; this one only registers them and turns exceptions into exit codes.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>

#include "base/text.h"
#include "tools/command_line.h"

namespace {

constexpr int kUserMistake = 1, kOurMistake = 2, kInterrupted = 130;

/// What std::cout writes to: stdout, with the reason of the first failure kept. A verb goes on when its output cannot be written (a training
/// is worth more than its lines), so the reason would be gone by the end.
class Output final : public std::streambuf {
 public:
  Output() : before_(std::cout.rdbuf(this)) {}
  ~Output() override { std::cout.rdbuf(before_); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  /// Writes what is left. 0, or the errno of the first failure.
  int finish() {
    sync();
    return failure_;
  }

 protected:
  int_type overflow(int_type c) override {
    if (c == traits_type::eof()) return 0;
    return keep(std::putc(c, stdout) != EOF) ? c : traits_type::eof();
  }
  std::streamsize xsputn(const char* text, std::streamsize count) override {
    const size_t written = std::fwrite(text, 1, static_cast<size_t>(count), stdout);
    keep(written == static_cast<size_t>(count));
    return static_cast<std::streamsize>(written);
  }
  int sync() override { return keep(std::fflush(stdout) == 0) ? 0 : -1; }

 private:
  bool keep(bool fine) {
    if (!fine && failure_ == 0) failure_ = errno;
    return fine;
  }

  std::streambuf* before_;
  int failure_ = 0;
};

/// A first word that is no verb, told as such: CLI11 would only say that a subcommand is missing.
void check_verb(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  const std::string word = argv[1];
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) verbs.push_back(verb->get_name());
  if (std::find(verbs.begin(), verbs.end(), word) != verbs.end()) return;
  const std::string near = sinter::closest(word, verbs);
  throw sinter::Error(sinter::ErrorCode::kUsage, sinter::quoted(word) + " is no verb of sinter")
      .hint(near.empty() ? "sinter --help names them" : "did you mean " + near + "?");
}

/// `--out ''` is a shell variable that nobody set, rather than a wish for no file.
void refuse_empty_values(CLI::App& app) {
  const CLI::Validator not_empty([](const std::string& value) { return value.empty() ? "nothing is given" : std::string(); }, "");
  for (CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    for (CLI::Option* option : verb->get_options())
      if (option->get_items_expected_max() > 0) option->check(not_empty);
}

int run(int argc, char** argv) {
  CLI::App app{"Sinter compiles neural networks to native code for this machine's CPU, trains them and runs them.", "sinter"};
  app.set_version_flag("--version", "sinter " SINTER_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App*, const CLI::Error& error) { return std::string("error: ") + error.what() + "\nRun with --help for more information.\n"; });
  using namespace sinter::tools;
  add_train(app);
  add_evaluate(app);
  add_predict(app);
  add_run(app);
  add_compile(app);
  add_bench(app);
  add_inspect(app);
  add_check(app);
  add_opt(app);
  add_fmt(app);
  add_plot(app);
  add_info(app);
  add_completion(app);
  refuse_empty_values(app);
  check_verb(app, argc, argv);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : kUserMistake;
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);
  Output output;
  try {
    const int code = run(argc, argv);
    if (const int failure = output.finish()) {
      std::cerr << "sinter: cannot write its output: " << std::strerror(failure) << "\n";
      return kUserMistake;
    }
    return code;
  } catch (const sinter::Error& error) {
    output.finish();
    std::cerr << error.what() << "\n";
    return error.code() == sinter::ErrorCode::kInterrupted ? kInterrupted : kUserMistake;
  } catch (const std::bad_alloc&) {
    std::cerr << "error: this machine has not enough memory for that\n";
    return kUserMistake;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\nThis is a fault of Sinter, not of yours; please report it with the command that shows it.\n";
    return kOurMistake;
  }
}
