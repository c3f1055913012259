// Runs the built command as a person does, and the C compiler on what it wrote.
#pragma once

#include <filesystem>
#include <string>

#include "support/temporary_folder.h"

namespace sinter::test {

struct Outcome {
  int status = 0;  // exit code, or 128 + the signal
  std::string out, error;
};

/// Runs a shell command line in `folder`; `sinter` in it is the built command. SINTER_CACHE is a folder of the tests.
Outcome run(const std::string& command, const std::filesystem::path& folder);

/// A folder of the test's own, to run commands in.
class Folder : public TemporaryFolder {
 public:
  Outcome run(const std::string& command) const { return test::run(command, path()); }
};

/// The path of an example, by its name in the folder examples.
std::string example(const std::string& name);

}  // namespace sinter::test
