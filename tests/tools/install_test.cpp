// What `cmake --install` puts into a prefix: the command runs there, and the examples are built against it by find_package and by pkg-config.
#include <gtest/gtest.h>

#include "support/sanitizers.h"
#include "tools/command.h"

namespace sinter::test {
namespace {

class Install : public testing::Test {
 protected:
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "a library with a sanitizer serves programs that have it too";
    const Outcome installed = folder.run("cmake --install '" SINTER_BUILD_DIR "' --prefix \"$PWD/prefix\"");
    ASSERT_EQ(installed.status, 0) << installed.out << installed.error;
  }
  void expect_fine(const std::string& command, const std::string& part) {
    const Outcome outcome = folder.run(command);
    EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.error;
    EXPECT_NE(outcome.out.find(part), std::string::npos) << outcome.out << outcome.error;
  }
  const Folder folder;
};

TEST_F(Install, TheCommandRuns) {
  expect_fine("prefix/bin/sinter --version", "sinter");
  expect_fine("prefix/bin/sinter bench 'f32[8, 8] @ f32[8, 8]' --threads 1", "total");
  expect_fine("bash -n prefix/share/bash-completion/completions/sinter && head -c 400 prefix/share/bash-completion/completions/sinter", "sinter");
}

TEST_F(Install, AProjectFindsThePackage) {
  expect_fine("cp -r '" SINTER_SOURCE_DIR "/examples' . && cmake -S examples -B out -DCMAKE_PREFIX_PATH=\"$PWD/prefix\" >&2 && cmake --build out >&2 && out/example_embed",
              "0 xor 1 = 1.00");
  expect_fine("out/example_custom_loop", "lie under the curve");
}

TEST_F(Install, PkgConfigTellsTheFlags) {
  if (folder.run("pkg-config --version").status != 0) GTEST_SKIP() << "pkg-config is not installed";
  expect_fine("mv prefix moved && export PKG_CONFIG_PATH=$(dirname $(find \"$PWD/moved\" -name sinter.pc)) && c++ -std=c++17 '" SINTER_SOURCE_DIR
              "/examples/embed.cpp' -o embed $(pkg-config --cflags --libs sinter) -Wl,-rpath,$(pkg-config --variable=libdir sinter) && ./embed",
              "1 xor 0 = 0.99");
}

}  // namespace
}  // namespace sinter::test
