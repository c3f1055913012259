#include "tools/command.h"

#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace sinter::test {
namespace {

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

Outcome run(const std::string& command, const std::filesystem::path& folder) {
  const std::string out = (folder / ".out").string(), error = (folder / ".error").string();
  const std::string line = "cd '" + folder.string() + "' && export PATH='" SINTER_BUILD_DIR "/bin':$PATH SINTER_CACHE='" SINTER_BUILD_DIR "/test-cache' && { " +
                           command + "\n} >'" + out + "' 2>'" + error + "' </dev/null";
  const int status = std::system(line.c_str());
  Outcome outcome;
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  outcome.out = content_of(out);
  outcome.error = content_of(error);
  return outcome;
}

std::string example(const std::string& name) { return std::string(SINTER_SOURCE_DIR) + "/examples/" + name + ".sinter"; }

}  // namespace sinter::test
