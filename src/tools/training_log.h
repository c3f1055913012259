// The log of a training: a folder with log.csv, a line for each epoch, and an event file for TensorBoard. Written by `sinter train --log`, read by
// `sinter plot`.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/event_file.h"
#include "runtime/fit.h"

namespace sinter::tools {

class TrainingLog {
 public:
  /// Makes the folder where it is missing. A training that goes on appends to the log that is there; another begins a new one. Raises Error kIo.
  TrainingLog(const std::string& folder, bool goes_on);
  void add(const runtime::EpochRecord& record, int64_t steps);

 private:
  std::string path_;
  bool goes_on_;
  io::EventFile events_;
};

/// What log.csv holds: columns by name, a value for each epoch.
struct LogTable {
  std::vector<std::string> names;  // in the order of the file
  std::map<std::string, std::vector<double>> columns;
};
/// Raises Error kIo, or kData with file and line.
LogTable read_log(const std::string& folder);

}  // namespace sinter::tools
