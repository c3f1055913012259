#include "runtime/data/csv_columns.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "base/text.h"
#include "runtime/data/arguments.h"

namespace sinter::runtime {
namespace {

constexpr size_t kMostCategories = 10000;

/// A header has a name in some column, and no column with a number.
bool is_header(const std::vector<std::string>& fields) {
  bool has_name = false;
  for (const std::string& field : fields) {
    if (is_number(field)) return false;
    has_name |= !field.empty();
  }
  return has_name;
}

class Chooser {
 public:
  Chooser(const CsvTable& table, const DataRequest& request)
      : table_(table), request_(request), arguments_(request), width_(element_count(request.feature.extents)), label_width_(element_count(request.label.extents)) {}

  CsvColumns choose() {
    if (table_.begin() == table_.end()) table_.fail_file("is empty");
    const std::string_view line(table_.begin(), static_cast<size_t>(table_.record_end(table_.begin()) - table_.begin()));
    if (line.find('\0') != std::string_view::npos) table_.fail_file("is no text", "a csv file holds numbers with commas between them");
    first_ = table_.fields(table_.begin());
    chosen_.header = arguments_.has("header") ? arguments_.flag("header", false) : is_header(first_);
    if (chosen_.header) names_ = first_;
    else
      for (size_t i = 1; i <= first_.size(); ++i) names_.push_back(std::to_string(i));
    chosen_.columns.resize(first_.size());
    mark_one_hot();
    mark_labels();
    const std::vector<size_t> features = feature_columns();
    collect_words();
    place(features);
    if (chosen_.samples(table_) == table_.end()) table_.fail_file("has a header, but no samples");
    if (chosen_.header) remember_names(features);
    return std::move(chosen_);
  }

 private:
  const DataFacts& known() const {
    static const DataFacts nothing;
    return request_.known ? *request_.known : nothing;
  }

  size_t column(const std::string& name, const std::string& argument) const {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found != names_.end()) {
      if (std::find(found + 1, names_.end(), name) != names_.end()) table_.fail_file("has two columns named " + quoted(name));
      return static_cast<size_t>(found - names_.begin());
    }
    const bool is_count = is_number(name) && name.find_first_not_of("0123456789") == std::string::npos && name.size() < 8;
    if (is_count && std::stoul(name) >= 1 && std::stoul(name) <= names_.size()) return std::stoul(name) - 1;
    const std::string near = closest(name, names_);
    table_.fail_file("has no column " + quoted(name) + ", which " + argument + " names",
                     !chosen_.header ? "its first line does not name the columns: give their numbers, from 1" : near.empty() ? "" : "did you mean " + quoted(near) + "?");
  }

  void mark_one_hot() {
    std::vector<std::string> names = arguments_.names("one_hot");
    for (const auto& [name, categories] : known().categories)
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    for (const std::string& name : names) {
      CsvColumn& chosen = chosen_.columns[column(name, "one_hot")];
      chosen.kind = CsvColumn::Kind::kOneHot;
      if (const auto found = known().categories.find(name); found != known().categories.end()) chosen.categories = found->second;
      one_hot_.emplace_back(name, &chosen);
    }
  }

  void mark_labels() {
    std::vector<std::string> names = arguments_.names("label");
    if (names.empty() && chosen_.header) names = known().label_columns;
    const auto count = static_cast<int64_t>(first_.size());
    const bool spread = !request_.label_is_classes && label_width_ > 1;
    if (names.empty()) {
      const bool plain = one_hot_.empty() && !arguments_.has("features");
      chosen_.labelled = !request_.label_optional || !plain || count != width_;
      chosen_.spread_label = plain && spread && count == width_ + 1 && is_word(static_cast<size_t>(width_));
      chosen_.label_columns = chosen_.labelled ? (chosen_.spread_label ? 1 : label_width_) : 0;
      for (int64_t k = 0; k < std::min(chosen_.label_columns, count); ++k) labels_.push_back(static_cast<size_t>(count - std::min(chosen_.label_columns, count) + k));
    } else {
      const bool all_there = std::all_of(names.begin(), names.end(), [&](const std::string& name) { return std::find(names_.begin(), names_.end(), name) != names_.end(); });
      chosen_.labelled = all_there || !request_.label_optional || !chosen_.header;
      if (chosen_.labelled && request_.label_optional && !chosen_.header && count == width_) chosen_.labelled = false;
      for (const std::string& name : names)
        if (chosen_.labelled) labels_.push_back(column(name, "label"));
      chosen_.label_columns = static_cast<int64_t>(labels_.size());
      chosen_.spread_label = spread && labels_.size() == 1;
      if (chosen_.labelled && !chosen_.spread_label && chosen_.label_columns != label_width_)
        arguments_.fail(ErrorCode::kUsage, "names " + count_columns(chosen_.label_columns) + " as 'label', the model wants " + std::to_string(label_width_));
    }
    for (size_t k = 0; k < labels_.size(); ++k) {
      CsvColumn& chosen = chosen_.columns[labels_[k]];
      if (chosen.kind == CsvColumn::Kind::kOneHot) arguments_.fail(ErrorCode::kUsage, "cannot read " + quoted(names_[labels_[k]]) + " as a feature and as the label");
      chosen.kind = CsvColumn::Kind::kLabel;
      chosen.slot = static_cast<int64_t>(k);
    }
  }

  std::vector<size_t> feature_columns() {
    std::vector<std::string> names = arguments_.names("features");
    if (names.empty() && chosen_.header) names = known().columns;
    std::vector<size_t> features;
    for (const std::string& name : names) features.push_back(column(name, "features"));
    if (names.empty())
      for (size_t i = 0; i < chosen_.columns.size(); ++i)
        if (chosen_.columns[i].kind != CsvColumn::Kind::kLabel) features.push_back(i);
    for (const size_t feature : features) {
      CsvColumn& chosen = chosen_.columns[feature];
      if (chosen.kind == CsvColumn::Kind::kLabel) arguments_.fail(ErrorCode::kUsage, "cannot read " + quoted(names_[feature]) + " as a feature and as the label");
      if (chosen.kind == CsvColumn::Kind::kIgnored) chosen.kind = CsvColumn::Kind::kNumber;
    }
    for (size_t i = 0; i < chosen_.columns.size(); ++i)
      if (chosen_.columns[i].kind == CsvColumn::Kind::kOneHot && std::find(features.begin(), features.end(), i) == features.end()) chosen_.columns[i].kind = CsvColumn::Kind::kIgnored;
    return features;
  }

  /// Whether the first sample has a word in this column.
  bool is_word(size_t column) const {
    const char* const samples = chosen_.samples(table_);
    if (samples == table_.end()) return false;
    const std::vector<std::string> fields = table_.fields(samples);
    return column < fields.size() && !is_number(fields[column]) && !is_missing(fields[column]);
  }

  /// Words of labels and categories, by one way through the file.
  void collect_words() {
    const char* const samples = chosen_.samples(table_);
    const bool classes = chosen_.labelled && (request_.label_is_classes || chosen_.spread_label) && labels_.size() == 1;
    if (classes) chosen_.word_labels = !known().classes.empty() || is_word(labels_[0]);
    chosen_.facts.classes = known().classes;
    std::set<std::string, std::less<>> found_classes;
    std::vector<std::set<std::string, std::less<>>> found(one_hot_.size());
    const bool names_classes = chosen_.word_labels && chosen_.facts.classes.empty();
    const bool names_categories = std::any_of(one_hot_.begin(), one_hot_.end(), [](const auto& c) { return c.second->categories.empty(); });
    for (const char* at = samples; (names_classes || names_categories) && at < table_.end(); at = table_.next_record(at)) {
      const std::vector<std::string> fields = table_.fields(at);
      if (fields.size() != first_.size()) continue;  // told where samples are read
      if (names_classes && !is_missing(fields[labels_[0]])) found_classes.insert(fields[labels_[0]]);
      for (size_t k = 0; k < one_hot_.size(); ++k) {
        const std::string& value = fields[static_cast<size_t>(one_hot_[k].second - chosen_.columns.data())];
        if (!is_missing(value)) found[k].insert(value);
        if (found[k].size() > kMostCategories) table_.fail(at, "the column " + quoted(one_hot_[k].first) + " has more than 10000 different values, too many to spread");
      }
      const int64_t most = request_.label_is_classes && request_.classes ? *request_.classes : chosen_.spread_label ? label_width_ : INT64_MAX;
      if (static_cast<int64_t>(found_classes.size()) > most)
        table_.fail(at, "the label " + quoted(fields[labels_[0]]) + " is one class more than the " + std::to_string(most) + " that the model tells apart");
    }
    if (names_classes) chosen_.facts.classes.assign(found_classes.begin(), found_classes.end());
    for (size_t k = 0; k < one_hot_.size(); ++k) {
      if (one_hot_[k].second->categories.empty()) one_hot_[k].second->categories.assign(found[k].begin(), found[k].end());
      chosen_.facts.categories[one_hot_[k].first] = one_hot_[k].second->categories;
    }
  }

  void place(const std::vector<size_t>& features) {
    for (const size_t feature : features) {
      CsvColumn& chosen = chosen_.columns[feature];
      chosen.slot = chosen_.width;
      chosen_.width += chosen.kind == CsvColumn::Kind::kOneHot ? static_cast<int64_t>(chosen.categories.size()) : 1;
    }
    if (width_ + chosen_.label_columns == 0) table_.fail_file("cannot be read: the model takes no numbers");
    if (chosen_.width == width_ && static_cast<int64_t>(labels_.size()) == chosen_.label_columns) return;
    const bool plain = one_hot_.empty() && !arguments_.has("features") && !arguments_.has("label");
    if (!plain) {
      table_.fail_file("gives " + std::to_string(chosen_.width) + (chosen_.width == 1 ? " feature" : " features") + ", the model's input takes " + std::to_string(width_));
    }
    const auto columns = static_cast<int64_t>(first_.size());
    chosen_.width = width_;
    const bool other_separator = columns == 1 && first_[0].find_first_of(";\t ") != std::string::npos && table_.separator() == ',';
    table_.fail(table_.begin(), count_columns(columns) + ", the model wants " + chosen_.wanted(), other_separator ? "separate the columns by commas" : "");
  }

  void remember_names(const std::vector<size_t>& features) {
    for (const size_t feature : features) chosen_.facts.columns.push_back(names_[feature]);
    for (const size_t label : labels_) chosen_.facts.label_columns.push_back(names_[label]);
    std::vector<std::string> all = chosen_.facts.columns;
    std::sort(all.begin(), all.end());
    // Names that say nothing, or say it twice, are no way to find a column again.
    if (std::adjacent_find(all.begin(), all.end()) == all.end() && (all.empty() || !all.front().empty())) return;
    chosen_.facts.columns.clear();
    chosen_.facts.label_columns.clear();
  }

  const CsvTable& table_;
  const DataRequest& request_;
  const Arguments arguments_;
  int64_t width_, label_width_;
  std::vector<std::string> first_, names_;
  std::vector<size_t> labels_;
  std::vector<std::pair<std::string, CsvColumn*>> one_hot_;
  CsvColumns chosen_;
};

}  // namespace

std::string count_columns(int64_t columns) { return columns == 1 ? "1 column" : std::to_string(columns) + " columns"; }

std::string CsvColumns::wanted() const {
  return std::to_string(width + label_columns) + ": " + std::to_string(width) + " features" +
         (!labelled ? "" : label_columns == 1 ? " and the label" : " and " + std::to_string(label_columns) + " of the label");
}

CsvColumns choose_columns(const CsvTable& table, const DataRequest& request) { return Chooser(table, request).choose(); }

}  // namespace sinter::runtime
