// A csv file as records and fields, and the mistakes in it by place. Used by the reader of csv files alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "io/mapping.h"

namespace sinter::runtime {

class CsvTable {
 public:
  CsvTable(const std::string& path, char separator);

  const std::string& path() const { return path_; }
  char separator() const { return separator_; }
  const char* begin() const { return begin_; }
  const char* end() const { return end_; }  // after the last line with something in it
  bool quotes() const { return quotes_; }   // whether any field may be quoted

  /// Where the record at `at` ends: its line end, or end().
  const char* record_end(const char* at) const;
  const char* next_record(const char* at) const {
    const char* const after = record_end(at);
    return after < end_ ? after + 1 : after;
  }
  /// Where the field at `at` ends: the separator after it, or `record_end`.
  const char* field_end(const char* at, const char* record_end) const;
  /// What stands in it, without blanks around it and without quotes; `unquoted` keeps what is not in the file as it stands.
  std::string_view field(const char* at, const char* field_end, std::string& unquoted) const;
  std::vector<std::string> fields(const char* record) const;
  int64_t count_fields(const char* record) const;

  [[noreturn]] void fail(const char* at, const std::string& message, const std::string& hint = {}) const;
  [[noreturn]] void fail_file(const std::string& what, const std::string& hint = {}) const;
  int64_t line_of(const char* at) const;  // from 1; counts all lines before it

 private:
  std::string path_;
  io::MappedFile mapped_;
  char separator_;
  const char *first_, *begin_, *end_;
  bool quotes_;
};

inline bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Reads a number at `at`, after blanks and a plus sign; the character after it and its blanks, or null when there is none.
const char* scan_number(const char* at, const char* end, double& value, char separator = ',');
/// Whether all of the text is a number.
bool is_number(std::string_view text);
/// Whether the text says that a value is missing.
bool is_missing(std::string_view text);

}  // namespace sinter::runtime
