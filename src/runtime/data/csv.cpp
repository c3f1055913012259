#include "runtime/data/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <memory>

#include "base/text.h"
#include "io/mapping.h"

namespace sinter::runtime {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr double kMostExactInteger = 9007199254740992.0;  // 2^53
constexpr size_t kMostShown = 40;                         // characters of a field in a message

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_line_end(char c) { return c == '\n' || c == '\r'; }

/// Reads a number at `at`, after blanks and a plus sign; the character after it, or null when there is none.
const char* scan_number(const char* at, const char* end, double& value) {
  while (at < end && is_blank(*at)) ++at;
  if (at + 1 < end && *at == '+' && at[1] != '-') ++at;
  const auto [after, status] = std::from_chars(at, end, value);
  if (status != std::errc()) return nullptr;
  at = after;
  while (at < end && is_blank(*at)) ++at;
  return at;
}

void trim(const char*& first, const char*& last) {
  while (first < last && is_blank(*first)) ++first;
  while (last > first && (is_blank(last[-1]) || is_line_end(last[-1]))) --last;
}

class CsvReader {
 public:
  CsvReader(const std::string& path, const DataRequest& request)
      : path_(path),
        request_(request),
        mapped_(path),
        width_(element_count(request.feature.extents)),
        label_width_(element_count(request.label.extents)) {
    const std::string_view text = mapped_.bytes();
    at_ = text.data();
    end_ = at_ + text.size();
    if (text.starts_with(kByteOrderMark)) at_ += kByteOrderMark.size();
    // What follows the last line with something in it is empty lines.
    while (end_ > at_ && (is_line_end(end_[-1]) || is_blank(end_[-1]))) --end_;
    line_begin_ = at_;
  }

  Dataset read() {
    if (at_ == end_) fail_file("is empty", "");
    choose_columns();
    if (is_header()) skip_line();
    if (at_ == end_) fail_file("has a header, but no samples", "");
    const int64_t most = most_rows();
    Tensor features = Tensor::uninitialized(request_.feature.dtype, extents(request_.feature, most));
    Tensor labels = Tensor::uninitialized(request_.label.dtype, extents(request_.label, labelled_ ? most : 0));
    const int64_t rows = visit_dtype(request_.feature.dtype, [&](auto element) { return read_rows<decltype(element)>(features, labels); });
    return {first_rows(features, request_.feature, rows), first_rows(labels, request_.label, labelled_ ? rows : 0), labelled_};
  }

 private:
  [[noreturn]] void fail_file(const std::string& what, const std::string& hint) const {
    throw Error(ErrorCode::kData, path_ + " " + what).hint(hint);
  }

  [[noreturn]] void fail(const char* at, const std::string& message, const std::string& hint = {}) const {
    Place place;
    place.file = path_;
    place.line = static_cast<int>(std::min<int64_t>(line_, std::numeric_limits<int>::max()));
    place.column = static_cast<int>(std::min<int64_t>(at - line_begin_ + 1, std::numeric_limits<int>::max()));
    throw Error(ErrorCode::kData, message).at(std::move(place)).hint(hint);
  }

  static Extents extents(const SampleType& type, int64_t rows) {
    Extents all = {rows};
    all.insert(all.end(), type.extents.begin(), type.extents.end());
    return all;
  }

  /// The rows were counted from above; the rest of the memory stays unused.
  static Tensor first_rows(const Tensor& tensor, const SampleType& type, int64_t rows) {
    auto owner = std::make_shared<Tensor>(tensor);
    void* data = owner->raw();
    return Tensor::wrap(type.dtype, extents(type, rows), data, std::move(owner));
  }

  const char* line_end(const char* from) const { return std::find(from, end_, '\n'); }

  /// From the number of columns of the first line.
  void choose_columns() {
    const std::string_view line(at_, static_cast<size_t>(line_end(at_) - at_));
    const int64_t columns = std::count(line.begin(), line.end(), ',') + 1;
    labelled_ = !request_.label_optional || columns != width_;
    columns_ = width_ + (labelled_ ? label_width_ : 0);
    if (columns_ == 0) fail_file("cannot be read: the model takes no numbers", "");
    if (line.find('\0') != std::string_view::npos) fail_file("is no text", "a csv file holds numbers with commas between them");
    if (line.find('"') != std::string_view::npos) refuse_quotes(at_ + line.find('"'));
    if (columns == columns_) return;
    const bool other_separator = columns == 1 && line.find_first_of(";\t ") != std::string_view::npos;
    fail(at_, count_columns(columns) + ", the model wants " + wanted_columns(), other_separator ? "separate the columns by commas" : "");
  }

  static std::string count_columns(int64_t columns) { return columns == 1 ? "1 column" : std::to_string(columns) + " columns"; }
  std::string wanted_columns() const {
    return std::to_string(columns_) + ": " + std::to_string(width_) + " features" +
           (!labelled_          ? ""
            : label_width_ == 1 ? " and the label"
                                : " and " + std::to_string(label_width_) + " of the label");
  }

  [[noreturn]] void refuse_quotes(const char* at) const {
    fail(at, "quoted fields are not read", "write plain numbers with commas between them");
  }

  /// A header has a name in some column, and no column with a number.
  bool is_header() const {
    const char* const end = line_end(at_);
    bool has_name = false;
    for (const char* field = at_; field <= end;) {
      const char* const next = std::find(field, end, ',');
      const char *first = field, *last = next;
      trim(first, last);
      double value = 0;
      if (first < last && scan_number(first, last, value) == last) return false;
      has_name |= first < last;
      field = next + 1;
    }
    return has_name;
  }

  void skip_line() {
    at_ = line_end(at_);
    if (at_ < end_) ++at_;
    begin_line();
  }
  void begin_line() {
    ++line_;
    line_begin_ = at_;
  }

  /// By the lines, but no more than the bytes can hold: memory is not taken on the word of a file full of empty lines.
  int64_t most_rows() const { return std::min<int64_t>(std::count(at_, end_, '\n') + 1, (end_ - at_) / (2 * columns_) + 1); }

  template <class T>
  int64_t read_rows(Tensor& features, Tensor& labels) {
    T* out = features.data<T>();
    int64_t row = 0;
    for (; at_ < end_; ++row) {
      for (int64_t column = 0; column < width_; ++column) *out++ = converted<T>(field(column));
      for (int64_t k = 0; labelled_ && k < label_width_; ++k) read_label(labels, row * label_width_ + k, field(width_ + k));
      if (at_ < end_) ++at_;  // the line's end
      begin_line();
    }
    return row;
  }

  /// The number in a column, and the separator or line's end after it.
  double field(int64_t column) {
    field_ = at_;
    double value = 0;
    const char* after = scan_number(at_, end_, value);
    const bool last = column + 1 == columns_;
    if (after != nullptr && last && after < end_ && *after == '\r' && after + 1 < end_ && after[1] == '\n') ++after;
    const bool at_separator = after != nullptr && (last ? after == end_ || *after == '\n' : after < end_ && *after == ',');
    if (!at_separator || !std::isfinite(value)) diagnose(column);
    at_ = last ? after : after + 1;
    return value;
  }

  /// Says why `field` found no number or no separator after it.
  [[noreturn]] void diagnose(int64_t column) const {
    const char* const end = line_end(line_begin_);
    const std::string_view line(line_begin_, static_cast<size_t>(end - line_begin_));
    if (const size_t quote = line.find('"'); quote != std::string_view::npos) refuse_quotes(line_begin_ + quote);
    if (std::all_of(line.begin(), line.end(), [](char c) { return is_blank(c) || c == '\r'; }))
      fail(line_begin_, "an empty line among the samples");
    const int64_t columns = std::count(line.begin(), line.end(), ',') + 1;
    if (columns != columns_) fail(line_begin_, count_columns(columns) + ", expected are " + wanted_columns());
    const char* first = field_;
    const char* last = std::find(first, end, ',');
    trim(first, last);
    const std::string shown = quoted(std::string_view(first, std::min<size_t>(static_cast<size_t>(last - first), kMostShown)));
    const std::string where = "column " + std::to_string(column + 1) + ": ";
    if (first == last) fail(field_, where + "a number is missing");
    double value = 0;
    if (scan_number(first, last, value) == last)
      fail(first, where + shown + " is not a finite number", "leave such samples out, or put a number in its place");
    if (std::from_chars(first, last, value).ec == std::errc::result_out_of_range)
      fail(first, where + shown + " is outside the range of f64");
    fail(first, where + shown + " is not a number", line_ == 1 ? "a header line has no numbers in it" : "");
  }

  /// `value` as T, which must be able to hold it.
  template <class T>
  T converted(double value) const {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::fabs(value) > std::numeric_limits<T>::max()) fail(field_, to_text(value) + " is outside the range of f32");
    } else {
      const double low = static_cast<double>(std::numeric_limits<T>::lowest()), high = static_cast<double>(std::numeric_limits<T>::max());
      if (value != std::trunc(value))
        fail(field_, to_text(value) + " is not a whole number, the model takes " + std::string(name(dtype_of<T>())));
      if (value < std::max(low, -kMostExactInteger) || value > std::min(high, kMostExactInteger)) {
        fail(field_, to_text(value) + " is outside the range of " + std::string(name(dtype_of<T>())));
      }
    }
    return static_cast<T>(value);
  }

  void read_label(Tensor& labels, int64_t index, double value) const {
    if (request_.label_is_classes) {
      if (value != std::trunc(value)) fail(field_, "the label " + to_text(value) + " is not a whole number, the model wants classes");
      if (value < 0 || value > kMostExactInteger || (request_.classes && value >= static_cast<double>(*request_.classes))) {
        fail(field_, "the label " + std::to_string(static_cast<int64_t>(std::clamp(value, -kMostExactInteger, kMostExactInteger))) +
                         " is outside the model's classes" +
                         (request_.classes ? ", 0 to " + std::to_string(*request_.classes - 1) : ", which count from 0"));
      }
    }
    visit_dtype(request_.label.dtype, [&](auto element) {
      using T = decltype(element);
      labels.data<T>()[index] = converted<T>(value);
    });
  }

  const std::string& path_;
  const DataRequest& request_;
  io::MappedFile mapped_;
  int64_t width_, label_width_, columns_ = 0;
  bool labelled_ = true;
  const char *at_, *end_, *line_begin_, *field_ = nullptr;
  int64_t line_ = 1;
};

}  // namespace

Dataset read_csv(const std::string& path, const DataRequest& request) { return CsvReader(path, request).read(); }

}  // namespace sinter::runtime
