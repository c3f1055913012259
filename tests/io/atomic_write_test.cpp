// Writing files aside: what comes out, links, modes, failures that leave everything as it was, writers at the same time, kills.
#include "io/atomic_write.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "support/temporary_folder.h"

namespace sinter::io::test {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

class AtomicWrite : public ::testing::Test {
 protected:
  std::string error(const std::string& path, std::string_view content = "new") {
    try {
      write_atomically(path, content);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kIo);
      return error.message();
    }
    return "no error";
  }
  static mode_t mode(const std::string& path) {
    struct stat facts {};
    EXPECT_EQ(::stat(path.c_str(), &facts), 0);
    return facts.st_mode & 07777;
  }

  sinter::test::TemporaryFolder folder;
};

TEST_F(AtomicWrite, WritesThePartsOneAfterAnother) {
  const std::string large(3 << 20, 'x');
  const std::string_view parts[] = {"one", "", large, std::string_view("\0\n", 2)};
  write_atomically(folder.file("f"), parts);
  EXPECT_EQ(folder.read("f"), "one" + large + std::string("\0\n", 2));
  write_atomically(folder.file("f"), "");
  EXPECT_EQ(folder.read("f"), "");
  EXPECT_EQ(folder.names(), Names{"f"});
}

TEST_F(AtomicWrite, TakesRelativePaths) {
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  fs::create_directory("sub");
  write_atomically("f", "1");
  write_atomically("./sub/../sub/g", "2");
  fs::current_path(before);
  EXPECT_EQ(folder.read("f"), "1");
  EXPECT_EQ(folder.read("sub/g"), "2");
}

TEST_F(AtomicWrite, KeepsTheModeOfAnOldFileAndHonoursTheMask) {
  const mode_t mask = ::umask(027);
  write_atomically(folder.file("new"), "1");
  ::umask(mask);
  EXPECT_EQ(mode(folder.file("new")), 0640u);
  ASSERT_EQ(::chmod(folder.file("new").c_str(), 0604), 0);
  write_atomically(folder.file("new"), "2");
  EXPECT_EQ(mode(folder.file("new")), 0604u);
}

TEST_F(AtomicWrite, WritesThroughLinks) {
  fs::create_directory(folder.path() / "sub");
  fs::create_symlink("sub/target", folder.path() / "link");
  fs::create_symlink("link", folder.path() / "second");
  for (const char* content : {"first: the target did not exist", "second"}) {
    write_atomically(folder.file("second"), content);
    EXPECT_TRUE(fs::is_symlink(folder.path() / "link"));
    EXPECT_TRUE(fs::is_symlink(folder.path() / "second"));
    EXPECT_EQ(folder.read("sub/target"), content);
  }
  fs::create_symlink(folder.path() / "sub/absolute", folder.path() / "third");
  write_atomically(folder.file("third"), "x");
  EXPECT_EQ(folder.read("sub/absolute"), "x");
  EXPECT_EQ(folder.names(), (Names{"link", "second", "sub", "third"}));
}

TEST_F(AtomicWrite, HardLinksKeepTheOldContent) {
  folder.write("f", "old");
  fs::create_hard_link(folder.path() / "f", folder.path() / "other");
  write_atomically(folder.file("f"), "new");
  EXPECT_EQ(folder.read("other"), "old");
}

TEST_F(AtomicWrite, SaysWhereItCannotWrite) {
  EXPECT_EQ(error(folder.file("absent/f")), "cannot write " + folder.file("absent/f") + ": No such file or directory");
  EXPECT_EQ(error(folder.path().string()), "cannot write " + folder.path().string() + ": it is not a regular file");
  EXPECT_EQ(error("/dev/full"), "cannot write /dev/full: it is not a regular file");
  fs::create_symlink("/dev/full", folder.path() / "full");
  EXPECT_EQ(error(folder.file("full")), "cannot write /dev/full: it is not a regular file");
  folder.write("file", "");
  EXPECT_EQ(error(folder.file("file/f")), "cannot write " + folder.file("file/f") + ": Not a directory");
  EXPECT_EQ(error(""), "cannot write : No such file or directory");
  EXPECT_NE(error(folder.file(std::string(300, 'n'))).find("File name too long"), std::string::npos);
  fs::create_symlink("b", folder.path() / "a");
  fs::create_symlink("a", folder.path() / "b");
  EXPECT_NE(error(folder.file("a")).find("symbolic links"), std::string::npos);
  EXPECT_EQ(folder.names(), (Names{"a", "b", "file", "full"}));
}

TEST_F(AtomicWrite, AFolderWithoutPermission) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  ::chmod(folder.path().c_str(), 0500);
  EXPECT_NE(error(folder.file("f")).find("Permission denied"), std::string::npos);
  ::chmod(folder.path().c_str(), 0700);
}

/// Files of this process cannot grow beyond `bytes` while this lives: like a disk that is full.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) : handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit small = before_;
    small.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }

 private:
  sighandler_t handler_;
  rlimit before_{};
};

TEST_F(AtomicWrite, AFullDiskLeavesTheOldFileAndNothingElse) {
  folder.write("f", "old");
  std::string text;
  {
    const SmallDisk disk(10000);
    text = error(folder.file("f"), std::string(100000, 'x'));
  }
  EXPECT_EQ(text, "cannot write " + folder.file("f") + ": File too large");
  EXPECT_EQ(folder.read("f"), "old");
  EXPECT_EQ(folder.names(), Names{"f"});
}

TEST_F(AtomicWrite, ADiskThatIsReallyFull) {
  const std::string disk = folder.file("disk");
  fs::create_directory(disk);
  if (::mount("none", disk.c_str(), "tmpfs", 0, "size=256k") != 0) GTEST_SKIP() << "no small disk can be mounted here: " << std::strerror(errno);
  write_atomically(disk + "/f", "old");
  const std::string text = error(disk + "/f", std::string(1 << 20, 'x'));
  const std::string found = folder.read("disk/f");
  const Names left{fs::directory_iterator(disk)->path().filename().string()};
  const auto count = std::distance(fs::directory_iterator(disk), fs::directory_iterator());
  ::umount2(disk.c_str(), MNT_DETACH);
  EXPECT_EQ(text, "cannot write " + disk + "/f: No space left on device");
  EXPECT_EQ(found, "old");
  EXPECT_EQ(left, Names{"f"});
  EXPECT_EQ(count, 1);
}

TEST_F(AtomicWrite, WritersAtTheSameTimeLeaveOneWholeFile) {
  const auto content = [](int i) { return std::string(50000, static_cast<char>('a' + i)); };
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&, i] {
      for (int round = 0; round < 10; ++round) write_atomically(folder.file("f"), content(i));
    });
  }
  for (std::thread& writer : writers) writer.join();
  const std::string found = folder.read("f");
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found, content(found[0] - 'a'));
  EXPECT_EQ(folder.names(), Names{"f"});
}

TEST_F(AtomicWrite, AKillLeavesTheOldFileOrTheNew) {
  const auto content = [](int i) { return std::string(200000, static_cast<char>('a' + i % 26)); };
  write_atomically(folder.file("f"), content(0));
  RandomSequence random(2, 1);
  std::set<char> seen;
  for (int round = 0; round < 30; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      for (int i = round;; ++i) write_atomically(folder.file("f"), content(i));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(500 + random.below(10000)));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const std::string found = folder.read("f");
    ASSERT_FALSE(found.empty());
    ASSERT_EQ(found, content(found[0] - 'a'));
    seen.insert(found[0]);
  }
  EXPECT_GT(seen.size(), 3u) << "the children hardly came to write";
  write_atomically(folder.file("f"), "last");
  EXPECT_EQ(folder.names(), Names{"f"}) << "what the killed left aside";
}

TEST_F(AtomicWrite, RemovesWhatAKilledProcessLeftAsideAndNothingElse) {
  // This process is alive, and has nothing to do with the file: its number may have belonged to another one before.
  folder.write("f." + std::to_string(::getpid()) + "-7.aside", "left behind");
  folder.write("f.1-0.aside", "left behind");
  const Names others{"f.2024-11", "f.aside", "f..aside.txt", "g.1-0.aside", "f.x-1.aside", "ff.1-0.aside"};
  for (const std::string& name : others) folder.write(name, "somebody's");
  fs::create_directory(folder.path() / "f.5-5.aside");
  write_atomically(folder.file("f"), "1");
  Names expected = others;
  expected.insert({"f", "f.5-5.aside"});
  EXPECT_EQ(folder.names(), expected);
}

// Writers hold a lock on their file aside as this test does; WritersAtTheSameTime fails where one does not.
TEST_F(AtomicWrite, LeavesAFileThatIsBeingWrittenAlone) {
  folder.write("f.1-0.aside", "being written");
  const int writer = ::open(folder.file("f.1-0.aside").c_str(), O_WRONLY);
  ASSERT_EQ(::flock(writer, LOCK_EX | LOCK_NB), 0);
  write_atomically(folder.file("f"), "1");
  EXPECT_EQ(folder.names(), (Names{"f", "f.1-0.aside"}));
  ::close(writer);
  write_atomically(folder.file("f"), "2");
  EXPECT_EQ(folder.names(), Names{"f"});
}

}  // namespace
}  // namespace sinter::io::test
