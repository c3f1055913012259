#include "tools/command.h"

#include <sys/wait.h>
#include <unistd.h>

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

Folder::Folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "sinter-test-XXXXXX").string();
  path_ = ::mkdtemp(pattern.data());
}
Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}
void Folder::write(const std::string& name, const std::string& content) const { std::ofstream(path_ / name, std::ios::binary) << content; }
std::string Folder::read(const std::string& name) const { return content_of(path_ / name); }

std::string example(const std::string& name) { return std::string(SINTER_SOURCE_DIR) + "/examples/" + name + ".sinter"; }

}  // namespace sinter::test
