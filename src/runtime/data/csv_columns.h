// What each column of a csv file is for. Used by the reader of csv files alone.
#pragma once

#include <string>
#include <vector>

#include "runtime/data/csv_table.h"
#include "runtime/data/dataset.h"

namespace sinter::runtime {

struct CsvColumn {
  enum class Kind : uint8_t { kIgnored, kNumber, kOneHot, kLabel } kind = Kind::kIgnored;
  int64_t slot = 0;                     // the first feature, or the number of the label, that it becomes
  std::vector<std::string> categories;  // sorted, of kOneHot
};

struct CsvColumns {
  std::vector<CsvColumn> columns;  // as they stand in a line
  bool header = false;
  bool labelled = true;
  bool word_labels = false;     // classes are words: `facts.classes`
  bool spread_label = false;    // one class becomes a row of numbers, 1 at its place
  int64_t width = 0;            // features
  int64_t label_columns = 0;
  DataFacts facts;

  const char* samples(const CsvTable& table) const { return header ? table.next_record(table.begin()) : table.begin(); }
  std::string wanted() const;  // "3: 2 features and the label"
};

/// From the first lines, the request's arguments and what is known; goes through the whole file where words are to be numbered.
/// Raises Error kData, kUsage, kType.
CsvColumns choose_columns(const CsvTable& table, const DataRequest& request);

/// "1 column", "2 columns"
std::string count_columns(int64_t columns);

}  // namespace sinter::runtime
