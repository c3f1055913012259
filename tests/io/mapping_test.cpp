// Mapped files and texts: what is read, and what is refused without waiting or taking memory.
#include "io/mapping.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "support/temporary_folder.h"

namespace sinter::io::test {
namespace {

class Mapping : public ::testing::Test {
 protected:
  template <class Body>
  static std::string error(ErrorCode code, Body&& body) {
    try {
      body();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.message();
    }
    return "no error";
  }

  sinter::test::TemporaryFolder folder;
};

TEST_F(Mapping, HoldsTheBytesAsLongAsAnybodyHoldsTheHandle) {
  const std::string content("a\0b\n", 4);
  std::shared_ptr<void> owner;
  std::string_view bytes;
  {
    const MappedFile mapped(folder.write("f", content));
    bytes = mapped.bytes();
    owner = mapped.owner();
  }
  std::filesystem::remove(folder.file("f"));
  EXPECT_EQ(bytes, content);
}

TEST_F(Mapping, ReplacingAFileLeavesItsMapping) {
  const MappedFile mapped(folder.write("f", "old"));
  folder.write("g", "new and longer");
  std::filesystem::rename(folder.path() / "g", folder.path() / "f");
  EXPECT_EQ(mapped.bytes(), "old");
}

TEST_F(Mapping, EmptyFilesHaveNoBytes) {
  EXPECT_TRUE(MappedFile(folder.write("f", "")).bytes().empty());
  EXPECT_EQ(read_text(folder.file("f")), "");
}

TEST_F(Mapping, SaysWhatCannotBeRead) {
  const std::string absent = folder.file("absent"), itself = folder.path().string();
  EXPECT_EQ(error(ErrorCode::kIo, [&] { MappedFile{absent}; }), "cannot read " + absent + ": No such file or directory");
  EXPECT_EQ(error(ErrorCode::kIo, [&] { MappedFile{itself}; }), "cannot read " + itself + ": it is a folder");
  EXPECT_EQ(error(ErrorCode::kIo, [&] { read_text(absent); }), "cannot read " + absent + ": No such file or directory");
  EXPECT_EQ(error(ErrorCode::kIo, [&] { read_text(itself); }), "cannot read " + itself + ": it is a folder");
  EXPECT_EQ(error(ErrorCode::kIo, [&] { MappedFile{"/dev/zero"}; }), "cannot read /dev/zero: it is not a regular file");
}

TEST_F(Mapping, DoesNotWaitForPipesThatNobodyWritesTo) {
  const std::string pipe = folder.file("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(error(ErrorCode::kIo, [&] { MappedFile{pipe}; }), "cannot read " + pipe + ": it is not a regular file");
  EXPECT_EQ(read_text(pipe), "");
}

TEST_F(Mapping, TextsHaveALimit) {
  const std::string path = folder.write("f", std::string(1 << 20, 'x'));
  EXPECT_EQ(read_text(path, 1 << 20).size(), size_t{1} << 20);
  folder.write("f", std::string((1 << 20) + 1, 'x'));
  EXPECT_EQ(error(ErrorCode::kData, [&] { read_text(path, 1 << 20); }), path + " is larger than 1 MiB, which is no text of this kind");
  EXPECT_EQ(error(ErrorCode::kData, [&] { read_text("/dev/zero", 1 << 20); }),
            "/dev/zero is larger than 1 MiB, which is no text of this kind");
}

}  // namespace
}  // namespace sinter::io::test
