#include "tools/training_log.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "base/text.h"
#include "io/mapping.h"

namespace sinter::tools {
namespace {

std::string csv_path(const std::string& folder) { return (std::filesystem::path(folder) / "log.csv").string(); }

/// Makes the folder first: members are made in order, and the event file wants it.
std::string made_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw Error(ErrorCode::kIo, "cannot make the folder " + folder + ": " + error.message());
  return csv_path(folder);
}

void write(const std::string& path, const char* mode, const std::string& text) {
  std::FILE* file = std::fopen(path.c_str(), mode);
  const bool fine = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const int failure = errno;
  if ((file != nullptr && std::fclose(file) != 0) || !fine) throw Error(ErrorCode::kIo, "cannot write " + path + ": " + std::strerror(fine ? errno : failure));
}

}  // namespace

TrainingLog::TrainingLog(const std::string& folder, bool goes_on)
    : path_(made_folder(folder)), goes_on_(goes_on && std::filesystem::exists(path_)), events_(folder) {}

void TrainingLog::add(const runtime::EpochRecord& record, int64_t steps) {
  std::vector<std::pair<std::string, double>> values{{"loss", record.loss}};
  for (const auto& value : record.metrics) values.push_back(value);
  if (record.val_loss) values.emplace_back("val_loss", *record.val_loss);
  for (const auto& [name, value] : record.val_metrics) values.emplace_back("val_" + name, value);
  events_.add(steps, values);
  std::string head = "epoch,step,seconds", line = std::to_string(record.epoch) + "," + std::to_string(steps) + "," + to_text(record.seconds + record.val_seconds);
  for (const auto& [name, value] : values) {
    head += "," + name;
    line += "," + to_text(value);
  }
  write(path_, goes_on_ ? "a" : "w", (goes_on_ ? "" : head + "\n") + line + "\n");
  goes_on_ = true;
}

LogTable read_log(const std::string& folder) {
  const std::string path = std::filesystem::is_directory(folder) ? csv_path(folder) : folder;
  std::istringstream text(io::read_text(path));
  LogTable table;
  std::string line, field;
  std::getline(text, line);
  for (std::istringstream fields(line); std::getline(fields, field, ',');) table.names.push_back(field);
  if (table.names.size() < 2 || table.names[0] != "epoch") throw Error(ErrorCode::kData, path + " is no log of a training").hint("sinter train --log DIR writes one");
  for (int number = 2; std::getline(text, line); ++number) {
    std::istringstream fields(line);
    size_t column = 0;
    for (; std::getline(fields, field, ','); ++column) {
      double value = 0;
      const auto [end, status] = std::from_chars(field.data(), field.data() + field.size(), value);
      if (column >= table.names.size() || status != std::errc() || end != field.data() + field.size())
        throw Error(ErrorCode::kData, "this line is damaged").at({path, number, 1});
      table.columns[table.names[column]].push_back(value);
    }
    if (column != table.names.size()) throw Error(ErrorCode::kData, "this line is damaged").at({path, number, 1});
  }
  if (table.columns.empty()) throw Error(ErrorCode::kData, path + " tells of no epoch yet");
  return table;
}

}  // namespace sinter::tools
