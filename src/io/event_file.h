// TensorBoard's event files: records of scalars by step, each with checksums. Used by the log of a training.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sinter::io {

/// CRC-32C (Castagnoli) of the bytes, as RFC 3720 has it.
uint32_t crc32c(std::string_view bytes);

/// An event file that grows: a new file for each run, which TensorBoard shows side by side.
class EventFile {
 public:
  /// Begins `folder`/events.out.tfevents.SECONDS.HOST.PID. Raises Error kIo.
  explicit EventFile(const std::string& folder);
  ~EventFile();
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  const std::string& path() const { return path_; }
  /// Appends one event with all values, and hands it to the system. Raises Error kIo.
  void add(int64_t step, const std::vector<std::pair<std::string, double>>& values);

 private:
  void write_record(const std::string& data);

  std::string path_;
  std::FILE* file_ = nullptr;
};

/// An event as its message in protobuf's wire format: tensorflow/core/util/event.proto, fields 1, 2, 3 and 5. For the file and for tests.
std::string event_message(double wall_time, int64_t step, const std::vector<std::pair<std::string, double>>& values);

}  // namespace sinter::io
