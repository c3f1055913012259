// What data taught beside numbers: the names behind classes, categories and characters. Found while the training data are read, stored with weights
// and checkpoints, and held against data that come later. Used by the readers, by the command line.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace sinter::runtime {

struct DataFacts {
  std::vector<std::string> classes;                            // name of class 0, 1, ...; empty: they are numbers
  std::vector<std::string> vocabulary;                         // character 0, 1, ..., in UTF-8
  std::vector<std::string> columns, label_columns;             // of a csv file with a header: what features and label are read from
  std::map<std::string, std::vector<std::string>> categories;  // by column: the values that are spread over as many features

  bool empty() const { return classes.empty() && vocabulary.empty() && columns.empty() && label_columns.empty() && categories.empty(); }
};

/// As metadata of a safetensors file: "facts" and a JSON text; nothing for no facts.
std::map<std::string, std::string> to_metadata(const DataFacts& facts);
/// No facts when there are none in it. Raises Error kData naming `path` for a text that says something else.
DataFacts facts_from(const std::map<std::string, std::string>& metadata, const std::string& path);

}  // namespace sinter::runtime
