#include "runtime/data/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "base/text.h"
#include "runtime/data/arguments.h"
#include "runtime/data/csv_columns.h"
#include "runtime/data/csv_table.h"
#include "runtime/data/source.h"

namespace sinter::runtime {
namespace {

constexpr double kMostExactInteger = 9007199254740992.0;  // 2^53
constexpr size_t kMostShown = 40;                         // characters of a field in a message
constexpr int64_t kIndexedBytes = 4096;                   // of a streamed file between two places that are remembered

enum class Missing : uint8_t { kError, kSkip, kFill };

/// Turns records into samples. Immutable, so that threads may share it.
class RecordReader {
 public:
  RecordReader(const std::string& path, const DataRequest& request)
      : request_(request), table_(path, separator_of(path, request)), columns_(choose_columns(table_, request)) {
    label_width_ = element_count(request.label.extents);
    wanted_columns_ = static_cast<int64_t>(columns_.columns.size());
    const Arguments arguments(request);
    if (!arguments.has("missing")) return;
    const DataArgument& given = request.arguments.at("missing");
    if (const auto* word = std::get_if<std::string>(&given)) {
      if (*word != "skip" && *word != "error") arguments.fail(ErrorCode::kUsage, "wants \"error\", \"skip\" or a number as 'missing'");
      missing_ = *word == "skip" ? Missing::kSkip : Missing::kError;
    } else if (const auto* integer = std::get_if<int64_t>(&given)) {
      missing_ = Missing::kFill;
      fill_ = static_cast<double>(*integer);
    } else if (const auto* number = std::get_if<double>(&given)) {
      missing_ = Missing::kFill;
      fill_ = *number;
    }
  }

  const CsvTable& table() const { return table_; }
  const CsvColumns& columns() const { return columns_; }
  const DataRequest& request() const { return request_; }
  bool labelled() const { return columns_.labelled; }
  const char* samples() const { return columns_.samples(table_); }

  /// By the lines, but no more than the bytes can hold: memory is not taken on the word of a file full of empty lines.
  int64_t most_rows() const {
    const char *const from = samples(), *const end = table_.end();
    return std::min<int64_t>(std::count(from, end, '\n') + 1, (end - from) / wanted_columns_ + 1);
  }

  /// Reads the record at `at` into row `row` of both tensors, and goes to the next. False for one that is left out.
  template <class T>
  bool read(const char*& at, Tensor& features, Tensor& labels, int64_t row) const {
    const char* const record = at;
    T* const out = features.data<T>() + row * columns_.width;
    for (int64_t c = 0; c < wanted_columns_; ++c) {
      const CsvColumn& column = columns_.columns[static_cast<size_t>(c)];
      const bool last = c + 1 == wanted_columns_;
      const char* const field = at;
      if (column.kind == CsvColumn::Kind::kNumber || (column.kind == CsvColumn::Kind::kLabel && !columns_.word_labels)) {
        double value = 0;
        const char* after = scan_number(at, table_.end(), value, table_.separator());
        if (after != nullptr && last && after < table_.end() && *after == '\r' && after + 1 < table_.end() && after[1] == '\n') ++after;
        const bool at_separator = after != nullptr && (last ? after == table_.end() || *after == '\n' : after < table_.end() && *after == table_.separator());
        if (!at_separator || !std::isfinite(value)) {
          if (!slow_number(record, at, c, last, column.kind == CsvColumn::Kind::kLabel, value)) return leave_out(record, at);
        } else {
          at = after;
        }
        if (column.kind == CsvColumn::Kind::kNumber) out[column.slot] = converted<T>(field, value);
        else write_label(field, labels, row * label_width_ + column.slot, value);
      } else if (!read_word(record, at, c, last, column, out, labels, row)) {
        return leave_out(record, at);
      }
      if (!last) ++at;
    }
    if (at < table_.end()) ++at;  // the line's end
    return true;
  }

 private:
  static char separator_of(const std::string& path, const DataRequest& request) {
    const Arguments arguments(request);
    const std::string separator = arguments.text("separator", path.ends_with(".tsv") ? "\t" : ",");
    if (separator.size() != 1 || separator == "\"" || separator == "\n") arguments.fail(ErrorCode::kUsage, "wants one character as 'separator'");
    return separator[0];
  }

  bool leave_out(const char* record, const char*& at) const {
    at = table_.next_record(record);
    return false;
  }

  /// The field where no plain number stands: one in quotes, or a missing one. Moves `at` to the field's end; false when the sample is to be left out.
  bool slow_number(const char* record, const char*& at, int64_t c, bool last, bool label, double& value) const {
    const char* const stop = table_.record_end(record);
    const char* const after = table_.field_end(at, stop);
    const std::string where = "column " + std::to_string(c + 1) + ": ";
    if (at <= stop && (after == stop) == last) {
      std::string unquoted;
      const std::string_view text = table_.field(at, after, unquoted);
      const bool is_quoted = text.data() == unquoted.data() && !unquoted.empty();
      if (missing_ != Missing::kError && is_missing(text)) {
        if (missing_ == Missing::kSkip) return false;
        if (label) table_.fail(at, where + "the label is missing", "missing = \"skip\" leaves such samples out");
        value = fill_;
        at = after;
        return true;
      }
      if (is_quoted && scan_number(text.data(), text.data() + text.size(), value) == text.data() + text.size() && std::isfinite(value)) {
        at = after;
        return true;
      }
    }
    diagnose(record, at, c);
  }

  template <class T>
  bool read_word(const char* record, const char*& at, int64_t c, bool last, const CsvColumn& column, T* out, Tensor& labels, int64_t row) const {
    const char* const stop = table_.record_end(record);
    const char* const field = at;
    const char* const after = table_.field_end(at, stop);
    if ((after == stop) != last) diagnose(record, at, c);
    at = after;
    if (column.kind == CsvColumn::Kind::kIgnored) return true;
    std::string unquoted;
    const std::string_view text = table_.field(field, after, unquoted);
    const bool missing = is_missing(text);
    if (missing && missing_ == Missing::kSkip) return false;
    const bool label = column.kind == CsvColumn::Kind::kLabel;
    const std::vector<std::string>& words = label ? columns_.facts.classes : column.categories;
    const auto found = std::find(words.begin(), words.end(), text);
    if (!label) {
      for (size_t k = 0; k < words.size(); ++k) out[column.slot + static_cast<int64_t>(k)] = static_cast<T>(found == words.begin() + static_cast<std::ptrdiff_t>(k) ? 1 : 0);
      if (found == words.end() && !(missing && missing_ == Missing::kFill))
        table_.fail(field, "column " + std::to_string(c + 1) + ": " + (missing ? "a value is missing" : quoted(shortened(text)) + " did not occur in the data that trained"),
                    missing ? "missing = \"skip\" leaves such samples out" : "");
      return true;
    }
    if (found == words.end())
      table_.fail(field, missing ? "the label is missing" : "there was no class " + quoted(shortened(text)) + " in the data that trained", missing ? "missing = \"skip\" leaves such samples out" : "");
    write_label(field, labels, row * label_width_, static_cast<double>(found - words.begin()));
    return true;
  }

  static std::string_view shortened(std::string_view text) { return text.substr(0, kMostShown); }

  /// Says why there is no number, or no separator after it.
  [[noreturn]] void diagnose(const char* record, const char* field, int64_t column) const {
    const char* const end = table_.record_end(record);
    if (std::all_of(record, end, [](char c) { return is_blank(c) || c == '\r'; })) table_.fail(record, "an empty line among the samples");
    const int64_t columns = table_.count_fields(record);
    if (columns != wanted_columns_) {
      const bool plain = columns_.width + columns_.label_columns == wanted_columns_;
      table_.fail(record, count_columns(columns) + ", expected are " + (plain ? columns_.wanted() : std::to_string(wanted_columns_)));
    }
    std::string unquoted;
    const std::string_view text = table_.field(field, table_.field_end(field, end), unquoted);
    const char* first = field;
    while (first < end && is_blank(*first)) ++first;
    const std::string shown = quoted(shortened(text)), where = "column " + std::to_string(column + 1) + ": ";
    if (text.empty()) table_.fail(field, where + "a number is missing", "");
    double value = 0;
    if (is_number(text) && scan_number(text.data(), text.data() + text.size(), value) != nullptr)
      table_.fail(first, where + shown + " is not a finite number", "leave such samples out, or put a number in its place");
    if (std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc::result_out_of_range)
      table_.fail(first, where + shown + " is outside the range of f64");
    const bool first_line = record == table_.begin();
    table_.fail(first, where + shown + " is not a number", first_line ? "a header line has no numbers in it" : is_missing(text) ? "missing = \"skip\" leaves such samples out" : "");
  }

  /// `value` as T, which must be able to hold it.
  template <class T>
  T converted(const char* field, double value) const {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::fabs(value) > std::numeric_limits<T>::max()) table_.fail(field, to_text(value) + " is outside the range of f32");
    } else {
      const double low = static_cast<double>(std::numeric_limits<T>::lowest()), high = static_cast<double>(std::numeric_limits<T>::max());
      if (value != std::trunc(value)) table_.fail(field, to_text(value) + " is not a whole number, the model takes " + std::string(name(dtype_of<T>())));
      if (value < std::max(low, -kMostExactInteger) || value > std::min(high, kMostExactInteger)) {
        table_.fail(field, to_text(value) + " is outside the range of " + std::string(name(dtype_of<T>())));
      }
    }
    return static_cast<T>(value);
  }

  void write_label(const char* field, Tensor& labels, int64_t index, double value) const {
    const int64_t classes = columns_.spread_label ? label_width_ : request_.classes.value_or(INT64_MAX);
    const bool is_class = request_.label_is_classes || columns_.spread_label;
    if (is_class) {
      if (value != std::trunc(value)) table_.fail(field, "the label " + to_text(value) + " is not a whole number, the model wants classes");
      if (value < 0 || value > kMostExactInteger || value >= static_cast<double>(classes)) {
        table_.fail(field, "the label " + std::to_string(static_cast<int64_t>(std::clamp(value, -kMostExactInteger, kMostExactInteger))) + " is outside the model's classes" +
                               (classes != INT64_MAX ? ", 0 to " + std::to_string(classes - 1) : ", which count from 0"));
      }
    }
    visit_dtype(request_.label.dtype, [&](auto element) {
      using T = decltype(element);
      if (!columns_.spread_label) {
        labels.data<T>()[index] = converted<T>(field, value);
        return;
      }
      T* const row = labels.data<T>() + index;
      for (int64_t k = 0; k < label_width_; ++k) row[k] = static_cast<T>(k == static_cast<int64_t>(value) ? 1 : 0);
    });
  }

  DataRequest request_;
  CsvTable table_;
  CsvColumns columns_;
  int64_t label_width_ = 1, wanted_columns_ = 0;
  Missing missing_ = Missing::kError;
  double fill_ = 0;
};

Extents with_samples(int64_t samples, const Extents& extents) {
  Extents all = {samples};
  all.insert(all.end(), extents.begin(), extents.end());
  return all;
}

/// What was left out, in words.
struct LeftOut {
  int64_t count = 0;
  const char* first = nullptr;

  void add(const char* record) {
    if (count++ == 0) first = record;
  }
  std::vector<std::string> notes(const CsvTable& table) const {
    if (count == 0) return {};
    return {std::to_string(count) + (count == 1 ? " sample of " : " samples of ") + table.path() + " with missing values " + (count == 1 ? "is" : "are") + " left out, the first in line " +
            std::to_string(table.line_of(first))};
  }
};

Dataset read_all(const RecordReader& reader) {
  const DataRequest& request = reader.request();
  const int64_t most = reader.most_rows();
  Tensor features = Tensor::uninitialized(request.feature.dtype, with_samples(most, request.feature.extents));
  Tensor labels = Tensor::uninitialized(request.label.dtype, with_samples(reader.labelled() ? most : 0, request.label.extents));
  int64_t rows = 0;
  LeftOut left_out;
  visit_dtype(request.feature.dtype, [&](auto element) {
    for (const char* at = reader.samples(); at < reader.table().end();) {
      const char* const record = at;
      if (reader.read<decltype(element)>(at, features, labels, rows)) ++rows;
      else left_out.add(record);
    }
  });
  // The rows were counted from above; the rest of the memory stays unused.
  const auto first_rows = [](const Tensor& tensor, int64_t count) {
    Extents extents = tensor.extents();
    extents[0] = count;
    auto owner = std::make_shared<Tensor>(tensor);
    void* data = owner->raw();
    return Tensor::wrap(tensor.dtype(), std::move(extents), data, std::move(owner));
  };
  Dataset data{first_rows(features, rows), first_rows(labels, reader.labelled() ? rows : 0), reader.labelled()};
  data.notes = left_out.notes(reader.table());
  return data;
}

/// Samples read from the file each time they are wanted; places in it are remembered every few kilobytes.
class StreamReader final : public SampleReader {
 public:
  explicit StreamReader(std::shared_ptr<const RecordReader> records)
      : SampleReader(records->request().feature, records->request().label), records_(std::move(records)), window_(Arguments(records_->request()).count("shuffle_window", 65536)) {
    Tensor features(feature().dtype, with_samples(1, feature().extents)), labels(label().dtype, with_samples(1, label().extents));
    const char* indexed = nullptr;
    visit_dtype(feature().dtype, [&](auto element) {
      for (const char* at = records_->samples(); at < records_->table().end();) {
        const char* const record = at;
        if (!records_->read<decltype(element)>(at, features, labels, 0)) {
          left_out_.add(record);
          continue;
        }
        if (indexed == nullptr || record - indexed >= kIndexedBytes) {
          index_.push_back({count_, record});
          indexed = record;
        }
        ++count_;
      }
    });
  }

  int64_t samples() const override { return count_; }
  int64_t window() const override { return std::max<int64_t>(window_, 1); }
  std::vector<std::string> notes() const { return left_out_.notes(records_->table()); }

  void read(std::span<const int64_t> rows, const std::optional<Augmenting>&, Tensor& features, Tensor& labels) const override {
    visit_dtype(feature().dtype, [&](auto element) {
      Entry next{-1, nullptr};  // where reading on would go on
      for (size_t i = 0; i < rows.size(); ++i) {
        const Entry entry = *(std::upper_bound(index_.begin(), index_.end(), rows[i], [](int64_t row, const Entry& e) { return row < e.row; }) - 1);
        if (next.at == nullptr || next.row > rows[i] || next.row < entry.row) next = entry;
        // Samples on the way are parsed over into the row of the one that is wanted: they may be such that are left out, which do not count.
        for (;;) {
          const bool is_sample = records_->read<decltype(element)>(next.at, features, labels, static_cast<int64_t>(i));
          if (is_sample && next.row++ == rows[i]) break;
        }
      }
    });
  }

  void identify(Hasher& hasher) const override {
    constexpr size_t kSample = 1 << 16, kSamples = 256;
    const CsvTable& table = records_->table();
    const auto size = static_cast<size_t>(table.end() - table.begin());
    hasher.number(size);
    for (size_t i = 0; i < kSamples; ++i) {
      const size_t at = size / kSamples * i;
      hasher.bytes(table.begin() + at, std::min(kSample, size - at));
    }
  }

 private:
  struct Entry {
    int64_t row;
    const char* at;
  };
  std::shared_ptr<const RecordReader> records_;
  std::vector<Entry> index_;
  int64_t count_ = 0, window_;
  LeftOut left_out_;
};

}  // namespace

Dataset read_csv(const std::string& path, const DataRequest& request) {
  auto records = std::make_shared<const RecordReader>(path, request);
  const double sample_bytes = static_cast<double>(element_count(request.feature.extents)) * static_cast<double>(size_in_bytes(request.feature.dtype)) + 8;
  const bool stream = Arguments(request).flag("stream", !fits_in_memory(sample_bytes * static_cast<double>(records->most_rows())));
  Dataset data;
  if (stream) {
    const auto reader = std::make_shared<const StreamReader>(records);
    data = read_by(reader, records->labelled());
    data.notes = reader->notes();
  } else {
    data = read_all(*records);
  }
  if (data.samples() == 0) records->table().fail_file("has no samples but such with missing values");
  if (!records->columns().facts.empty()) data.facts = std::make_shared<const DataFacts>(records->columns().facts);
  return data;
}

}  // namespace sinter::runtime
