// Tables of text, one sample per line. Used by the data source `csv`.
#pragma once

#include <string>

#include "runtime/data/dataset.h"

namespace sinter::runtime {

/// Reads the table at `path`. Arguments, all optional:
///   header      whether the first line names the columns; unless told, one without a single number does
///   separator   one character; a comma, or a tab for names that end with .tsv
///   features    names of columns, or their numbers from 1; all that are not the label unless given
///   label       likewise; the last columns unless given, as many as the model's label has numbers
///   one_hot     columns of words, each spread over as many features as it has values
///   missing     what a field that is empty, NA, nan, null or ? means: "error", "skip" (the sample is left out), or a number in its place
///   stream      whether samples are read when they are wanted rather than kept; so by itself when they would fill more than half of the memory
///   shuffle_window  samples that are shuffled among one another when streamed, 65536 unless given
///
/// Fields may be quoted ("" is a quote inside); empty lines may end the file; lines end with LF or CRLF. Numbers are decimal and finite, blanks around
/// them do not matter. Classes may be words: they are numbered in the order of their bytes, or as the request's known facts say. With
/// `label_optional`, a file without the columns of the label is read as not labelled. Raises Error kIo, or kData with file, line and column: a wrong
/// number of columns, something else than a number, NaN or infinity, numbers that the dtype cannot hold, a class that is unknown, not whole or out of
/// range, no samples at all. Reads through the mapped file, faster than 50 MB/s.
Dataset read_csv(const std::string& path, const DataRequest& request);

}  // namespace sinter::runtime
