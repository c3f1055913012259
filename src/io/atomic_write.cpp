#include "io/atomic_write.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.h"

namespace sinter::io {
namespace {

constexpr int kMostLinks = 40;  // as the system's own limit

/// Files aside are called NAME.PID-N.aside: a name that no one gives to a file of his own, since such files are removed.
constexpr std::string_view kEnding = ".aside";
bool is_name_aside(std::string_view name, std::string_view of) {
  if (!name.starts_with(of) || !name.substr(of.size()).starts_with(".") || !name.ends_with(kEnding)) return false;
  const std::string_view middle = name.substr(of.size() + 1, name.size() - of.size() - 1 - kEnding.size());
  return !middle.empty() && middle.find_first_not_of("0123456789-") == middle.npos;
}

/// Removes what killed processes left aside `path`: writers hold a lock on their file, which ends with them. A process's id would say less: it means
/// another process in another container, and may have been given to another one since.
void remove_leftovers(const std::string& path) {
  const std::filesystem::path place(path);
  std::error_code error;
  for (std::filesystem::directory_iterator at(place.has_parent_path() ? place.parent_path() : ".", error), end; !error && at != end; at.increment(error)) {
    if (!is_name_aside(at->path().filename().string(), place.filename().string())) continue;
    const int descriptor = ::open(at->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) continue;
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) ::unlink(at->path().c_str());
    ::close(descriptor);
  }
}

/// The file being written aside; removed unless it was renamed.
class FileAside {
 public:
  explicit FileAside(const std::string& path) : path_(follow_links(path)) {
    struct stat old {};
    const bool exists = ::stat(path_.c_str(), &old) == 0;
    if (!exists && errno != ENOENT) fail(std::strerror(errno));
    if (exists && !S_ISREG(old.st_mode)) fail("it is not a regular file");
    remove_leftovers(path_);
    while (!open_aside()) {
    }
    if (exists) ::fchmod(descriptor_, old.st_mode & 07777);
  }
  ~FileAside() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!renamed_ && descriptor_ >= 0) ::unlink(aside_.c_str());
  }
  FileAside(const FileAside&) = delete;
  FileAside& operator=(const FileAside&) = delete;

  void write(std::string_view part) {
    while (!part.empty()) {
      const ssize_t written = ::write(descriptor_, part.data(), part.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail(std::strerror(errno));
      part.remove_prefix(static_cast<size_t>(written));
    }
  }

  void finish() {
    if (::fsync(descriptor_) != 0) fail(std::strerror(errno));
    if (::rename(aside_.c_str(), path_.c_str()) != 0) fail(std::strerror(errno));
    renamed_ = true;
    // The new name lasts only when the folder is synced as well; a file system that cannot do that has done its best.
    const std::string folder = std::filesystem::path(path_).parent_path().string();
    const int directory = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY);
    if (directory >= 0) {
      ::fsync(directory);
      ::close(directory);
    }
  }

 private:
  /// Under a name that nobody has; the system applies the user's mask to the mode. False when somebody has it, or took the file for a leftover before
  /// it was locked.
  bool open_aside() {
    static std::atomic<unsigned> counter = 0;
    aside_ = path_ + "." + std::to_string(::getpid()) + "-" + std::to_string(counter++) + std::string(kEnding);
    descriptor_ = ::open(aside_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && errno == EEXIST) return false;
    if (descriptor_ < 0) fail(std::strerror(errno));
    const bool taken = ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;  // a system without locks removes no leftovers either
    if (!taken && ::access(aside_.c_str(), F_OK) == 0) return true;
    ::close(descriptor_);
    descriptor_ = -1;
    return false;
  }

  [[noreturn]] void fail(const std::string& why) const { throw Error(ErrorCode::kIo, "cannot write " + path_ + ": " + why); }

  std::string path_, aside_;
  int descriptor_ = -1;
  bool renamed_ = false;
};

}  // namespace

std::string follow_links(std::string path) {
  std::error_code failed;
  for (int i = 0; i < kMostLinks; ++i) {
    const std::filesystem::path target = std::filesystem::read_symlink(path, failed);
    if (failed) return path;  // no link
    path = (std::filesystem::path(path).parent_path() / target).string();
  }
  return path;
}

void write_atomically(const std::string& path, std::span<const std::string_view> parts) {
  FileAside file(path);
  for (const std::string_view part : parts) file.write(part);
  file.finish();
}

void write_atomically(const std::string& path, std::string_view content) { write_atomically(path, std::span(&content, 1)); }

}  // namespace sinter::io
