// What a data source gives, before anything is split. Used by the sources and by load_data.
#pragma once

#include <optional>

#include "runtime/data/dataset.h"

namespace sinter::runtime {

struct SourceData {
  Dataset all;                        // what trains, and is split unless the source did so itself
  Dataset test = {};                  // test data of its own, where the source has such
  std::optional<Dataset> validation;  // of a source that splits in a way of its own
};

/// Whether so many bytes should be in memory: at most half of the machine's.
bool fits_in_memory(double bytes);

/// Classes as whole numbers from 0, as many as the model tells apart. Raises Error kData for others, naming `where`.
void check_class(int64_t label, const DataRequest& request, const std::string& where);

/// The words for a mismatch of what a source has and what the model takes: "samples of f32[784]".
std::string type_text(const SampleType& type);

}  // namespace sinter::runtime
