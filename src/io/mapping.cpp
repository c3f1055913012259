#include "io/mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace sinter::io {
namespace {

[[noreturn]] void fail(const std::string& path, const std::string& why) { throw Error(ErrorCode::kIo, "cannot read " + path + ": " + why); }

/// An open file that closes itself.
class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (number_ < 0) fail(path, std::strerror(errno));
    ::fcntl(number_, F_SETFL, 0);  // only opening a pipe that nobody writes to must not wait
    struct stat facts {};
    const bool known = ::fstat(number_, &facts) == 0;
    is_regular_ = known && S_ISREG(facts.st_mode);
    if (known && !S_ISDIR(facts.st_mode)) {
      size_ = static_cast<size_t>(facts.st_size);
      return;
    }
    const std::string why = known ? "it is a folder" : std::strerror(errno);
    ::close(number_);
    fail(path, why);
  }
  ~Descriptor() { ::close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  size_t size() const { return size_; }
  bool is_regular() const { return is_regular_; }

 private:
  int number_;
  bool is_regular_ = false;
  size_t size_ = 0;
};

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  const Descriptor file(path);
  if (!file.is_regular()) fail(path, "it is not a regular file");
  size_ = file.size();
  if (size_ == 0) return;
  void* data = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (data == MAP_FAILED) fail(path, std::strerror(errno));
  data_ = data;
  owner_ = std::shared_ptr<void>(data, [size = size_](void* mapped) { ::munmap(mapped, size); });
}

std::string read_text(const std::string& path, int64_t most_bytes) {
  const Descriptor file(path);
  const auto too_large = [&] {
    return Error(ErrorCode::kData, path + " is larger than " + std::to_string(most_bytes >> 20) + " MiB, which is no text of this kind");
  };
  if (file.size() > static_cast<size_t>(most_bytes)) throw too_large();
  std::string text;
  char buffer[1 << 16];
  while (true) {
    const ssize_t count = ::read(file.number(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path, std::strerror(errno));
    if (count == 0) return text;
    text.append(buffer, static_cast<size_t>(count));
    if (text.size() > static_cast<size_t>(most_bytes)) throw too_large();
  }
}

}  // namespace sinter::io
