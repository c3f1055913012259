// sinter: the command line. One file per verb; this one only registers them and turns exceptions into exit codes.
#include <csignal>
#include <cstdio>
#include <iostream>

#include "tools/command_line.h"

namespace {

constexpr int kUserMistake = 1, kOurMistake = 2, kInterrupted = 130;

int run(int argc, char** argv) {
  CLI::App app{"Sinter compiles neural networks to native code for this machine's CPU, trains them and runs them.", "sinter"};
  app.set_version_flag("--version", "sinter " SINTER_VERSION);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
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
  add_info(app);
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
  try {
    const int code = run(argc, argv);
    if (std::fflush(stdout) != 0) {
      std::perror("sinter: cannot write its output");
      return kUserMistake;
    }
    return code;
  } catch (const sinter::Error& error) {
    std::fflush(stdout);
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
