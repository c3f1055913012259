#include "io/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <climits>

#include "base/error.h"

namespace sinter::io {
namespace {

constexpr size_t kBestRatio = 1032;  // deflate cannot do better

/// zlib's stream, fed with pieces that its 32-bit counts can hold.
class Stream {
 public:
  Stream(std::string_view packed, Packing packing, const std::string& path) : packed_(packed), path_(path) {
    constexpr int kWindowBits = 15, kWithGzipHeader = 16;
    const int bits = packing == Packing::kGzip ? kWindowBits + kWithGzipHeader : -kWindowBits;
    if (::inflateInit2(&stream_, bits) != Z_OK) throw Error(ErrorCode::kCheck, "no memory is left to unpack " + path);
  }
  ~Stream() { ::inflateEnd(&stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Fills `out`; fewer bytes when the stream ends.
  size_t read(char* out, size_t size) {
    size_t done = 0;
    while (done < size && !ended_) {
      const auto piece = static_cast<uInt>(std::min<size_t>(size - done, UINT_MAX / 2));
      stream_.next_out = reinterpret_cast<Bytef*>(out + done);
      stream_.avail_out = piece;
      if (stream_.avail_in == 0) feed();
      const int status = ::inflate(&stream_, Z_NO_FLUSH);
      const size_t got = piece - stream_.avail_out;
      done += got;
      ended_ = status == Z_STREAM_END;
      if (ended_) break;
      if (status != Z_OK && status != Z_BUF_ERROR) fail("its packed bytes are damaged");
      if (got == 0 && stream_.avail_in == 0 && packed_.empty()) fail("it is truncated");
    }
    return done;
  }

  [[noreturn]] void fail(const std::string& why) const { throw Error(ErrorCode::kData, path_ + ": " + why); }

 private:
  void feed() {
    const size_t piece = std::min<size_t>(packed_.size(), UINT_MAX / 2);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed_.data()));
    stream_.avail_in = static_cast<uInt>(piece);
    packed_.remove_prefix(piece);
  }

  z_stream stream_{};
  std::string_view packed_;
  const std::string& path_;
  bool ended_ = false;
};

}  // namespace

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

std::string unpack_head(std::string_view packed, Packing packing, size_t most, const std::string& path) {
  Stream stream(packed, packing, path);
  std::string head(most, '\0');
  head.resize(stream.read(head.data(), most));
  return head;
}

void unpack(std::string_view packed, Packing packing, void* out, size_t size, const std::string& path) {
  Stream stream(packed, packing, path);
  const size_t got = stream.read(static_cast<char*>(out), size);
  if (got < size) stream.fail("it holds " + std::to_string(got) + " bytes, its header tells of " + std::to_string(size));
  char more = 0;
  if (stream.read(&more, 1) > 0) stream.fail("it holds more than the " + std::to_string(size) + " bytes that its header tells of");
}

size_t most_unpacked(size_t packed_bytes) { return packed_bytes > SIZE_MAX / kBestRatio - 64 ? SIZE_MAX : packed_bytes * kBestRatio + 64; }

}  // namespace sinter::io
