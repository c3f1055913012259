#include "runtime/data/csv_table.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

namespace sinter::runtime {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kMissing[] = {"", "NA", "N/A", "na", "n/a", "nan", "NaN", "NAN", "null", "NULL", "None", "?"};

bool is_line_end(char c) { return c == '\n' || c == '\r'; }

}  // namespace

const char* scan_number(const char* at, const char* end, double& value, char separator) {
  while (at < end && is_blank(*at) && *at != separator) ++at;
  if (at + 1 < end && *at == '+' && at[1] != '-') ++at;
  const auto [after, status] = std::from_chars(at, end, value);
  if (status != std::errc()) return nullptr;
  at = after;
  while (at < end && is_blank(*at) && *at != separator) ++at;
  return at;
}

bool is_number(std::string_view text) {
  double value = 0;
  return !text.empty() && scan_number(text.data(), text.data() + text.size(), value) == text.data() + text.size();
}

bool is_missing(std::string_view text) { return std::find(std::begin(kMissing), std::end(kMissing), text) != std::end(kMissing); }

CsvTable::CsvTable(const std::string& path, char separator) : path_(path), mapped_(path), separator_(separator) {
  const std::string_view text = mapped_.bytes();
  first_ = begin_ = text.data();
  end_ = begin_ + text.size();
  if (text.starts_with(kByteOrderMark)) first_ = begin_ += kByteOrderMark.size();
  // What follows the last line with something in it is empty lines.
  while (end_ > begin_ && (is_line_end(end_[-1]) || (is_blank(end_[-1]) && end_[-1] != separator))) --end_;
  quotes_ = end_ > begin_ && std::memchr(begin_, '"', static_cast<size_t>(end_ - begin_)) != nullptr;
}

const char* CsvTable::record_end(const char* at) const {
  const auto line_end = [&](const char* from) {
    const void* found = from < end_ ? std::memchr(from, '\n', static_cast<size_t>(end_ - from)) : nullptr;
    return found != nullptr ? static_cast<const char*>(found) : end_;
  };
  if (!quotes_) return line_end(at);
  // A quoted field may hold line ends: they count only outside, where the quotes before them are even in number.
  const char* stop = line_end(at);
  int64_t quotes = std::count(at, stop, '"');
  while (quotes % 2 != 0 && stop < end_) {
    const char* const next = line_end(stop + 1);
    quotes += std::count(stop, next, '"');
    stop = next;
  }
  return stop;
}

const char* CsvTable::field_end(const char* at, const char* record_end) const {
  const char* from = at;
  while (from < record_end && is_blank(*from) && *from != separator_) ++from;
  if (from < record_end && *from == '"') {
    for (++from; from < record_end; ++from) {
      if (*from != '"') continue;
      if (from + 1 < record_end && from[1] == '"') ++from;
      else break;
    }
  }
  return std::find(std::min(from, record_end), record_end, separator_);
}

std::string_view CsvTable::field(const char* at, const char* field_end, std::string& unquoted) const {
  while (at < field_end && is_blank(*at)) ++at;
  while (field_end > at && (is_blank(field_end[-1]) || is_line_end(field_end[-1]))) --field_end;
  const std::string_view text(at, static_cast<size_t>(field_end - at));
  if (text.size() < 2 || text.front() != '"') return text;
  if (text.back() != '"') fail(at, "a quote is not closed where the field ends", "a quote inside a quoted field is written twice");
  unquoted.clear();
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] == '"' && (i + 2 >= text.size() || text[++i] != '"')) fail(at, "a quote inside a quoted field is written twice");
    unquoted += text[i];
  }
  return unquoted;
}

std::vector<std::string> CsvTable::fields(const char* record) const {
  std::vector<std::string> fields;
  const char* const stop = record_end(record);
  std::string unquoted;
  for (const char* at = record;;) {
    const char* const after = field_end(at, stop);
    fields.emplace_back(field(at, after, unquoted));
    if (after == stop) return fields;
    at = after + 1;
  }
}

int64_t CsvTable::count_fields(const char* record) const {
  const char* const stop = record_end(record);
  int64_t count = 1;
  for (const char* at = field_end(record, stop); at < stop; at = field_end(at + 1, stop)) ++count;
  return count;
}

int64_t CsvTable::line_of(const char* at) const { return std::count(first_, at, '\n') + 1; }

void CsvTable::fail(const char* at, const std::string& message, const std::string& hint) const {
  const char* line = at;
  while (line > first_ && line[-1] != '\n') --line;
  Place place;
  place.file = path_;
  place.line = static_cast<int>(std::min<int64_t>(line_of(at), std::numeric_limits<int>::max()));
  place.column = static_cast<int>(std::min<int64_t>(at - line + 1, std::numeric_limits<int>::max()));
  throw Error(ErrorCode::kData, message).at(std::move(place)).hint(hint);
}

void CsvTable::fail_file(const std::string& what, const std::string& hint) const { throw Error(ErrorCode::kData, path_ + " " + what).hint(hint); }

}  // namespace sinter::runtime
