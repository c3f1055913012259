#include "io/event_file.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/error.h"

namespace sinter::io {
namespace {

constexpr std::array<uint32_t, 256> kTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t remainder = i;
    for (int bit = 0; bit < 8; ++bit) remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0x82f63b78u : 0);
    table[i] = remainder;
  }
  return table;
}();

/// Checksums stand in records rotated and shifted, so that a checksum of bytes with checksums in them stays one.
uint32_t masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

template <class T> void append_raw(std::string& text, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);  // x86 and AArch64 are little-endian, as the format
  text.append(bytes, sizeof value);
}

// Protobuf: a field is its number and kind (0 varint, 1 eight bytes, 2 counted bytes, 5 four bytes), then its value.
void append_varint(std::string& text, uint64_t value) {
  for (; value >= 0x80; value >>= 7) text += static_cast<char>(value | 0x80);
  text += static_cast<char>(value);
}
void append_key(std::string& text, uint32_t field, uint32_t kind) { append_varint(text, field << 3 | kind); }
void append_bytes(std::string& text, uint32_t field, std::string_view bytes) {
  append_key(text, field, 2);
  append_varint(text, bytes.size());
  text += bytes;
}

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (const char byte : bytes) crc = kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

std::string event_message(double wall_time, int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  std::string event;
  append_key(event, 1, 1);
  append_raw(event, wall_time);
  append_key(event, 2, 0);
  append_varint(event, static_cast<uint64_t>(step));
  std::string summary;
  for (const auto& [tag, value] : values) {
    std::string entry;
    append_bytes(entry, 1, tag);
    append_key(entry, 2, 5);
    append_raw(entry, static_cast<float>(value));
    append_bytes(summary, 1, entry);
  }
  append_bytes(event, 5, summary);
  return event;
}

EventFile::EventFile(const std::string& folder) {
  char host[256] = "localhost";
  ::gethostname(host, sizeof host - 1);
  path_ = folder + "/events.out.tfevents." + std::to_string(static_cast<int64_t>(now())) + "." + host + "." + std::to_string(::getpid());
  file_ = std::fopen(path_.c_str(), "ab");
  if (file_ == nullptr) throw Error(ErrorCode::kIo, "cannot write " + path_ + ": " + std::strerror(errno));
  std::string first;
  append_key(first, 1, 1);
  append_raw(first, now());
  append_bytes(first, 3, "brain.Event:2");
  write_record(first);
}

EventFile::~EventFile() {
  if (file_ != nullptr) std::fclose(file_);
}

void EventFile::add(int64_t step, const std::vector<std::pair<std::string, double>>& values) { write_record(event_message(now(), step, values)); }

void EventFile::write_record(const std::string& data) {
  std::string record;
  append_raw(record, static_cast<uint64_t>(data.size()));
  append_raw(record, masked(crc32c(record)));
  record += data;
  append_raw(record, masked(crc32c(data)));
  if (std::fwrite(record.data(), 1, record.size(), file_) != record.size() || std::fflush(file_) != 0) throw Error(ErrorCode::kIo, "cannot write " + path_ + ": " + std::strerror(errno));
}

}  // namespace sinter::io
