// Text by character: windows of it, each labelled with the characters that follow. Used by load_dataset.
#pragma once

#include "runtime/data/source.h"

namespace sinter::runtime {

/// `path` is a text in UTF-8; `window` the characters of a sample (the model's input tells unless given), `stride` from where one begins to where the
/// next does (the window unless given). The vocabulary is that of the whole text, in the order of code points, or the known one. `split` cuts in
/// order: its fraction of the characters trains. Raises Error kData with line and column for what is no UTF-8 and for a character that is not
/// known, kType when the model's input or classes do not fit.
SourceData read_characters(const DataRequest& request);

}  // namespace sinter::runtime
