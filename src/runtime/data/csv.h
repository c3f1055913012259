// Comma-separated files of plain numbers, one sample per line, the label in the last column. Used by the data source `csv`.
#pragma once

#include <string>

#include "runtime/data/dataset.h"

namespace sinter::runtime {

/// Reads `path`: as many columns as the model's input takes numbers, then those of the label. A first line without a single number is a
/// header; empty lines may end the file; lines end with LF or CRLF. Numbers are decimal and finite, blanks around them do not matter. With
/// `label_optional`, a file without the columns of the label is read as not labelled. Raises Error kIo, or kData with file, line and
/// column: a wrong number of columns, something else than a number, NaN or infinity, quoted fields, numbers that the dtype cannot hold, a
/// class that is not whole or out of range, no samples at all. Reads through the mapped file, faster than 50 MB/s.
Dataset read_csv(const std::string& path, const DataRequest& request);

}  // namespace sinter::runtime
