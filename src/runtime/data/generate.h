// The built-in sources of data. Used by load_dataset.
#pragma once

#include "runtime/data/dataset.h"

namespace sinter::runtime {

Dataset generate_clusters(const DataRequest& request);
Dataset generate_digits(const DataRequest& request);
Dataset generate_xor(const DataRequest& request);

}  // namespace sinter::runtime
