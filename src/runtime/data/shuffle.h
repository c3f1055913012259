// Drawn orders, by position: seed, purpose and item (the epoch) say all. Used for the split and for the order of an epoch.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/data/draws.h"

namespace sinter::runtime {

/// Fills `order` with 0, 1, ... in a drawn order (Fisher and Yates, "Statistical tables", 1938, as Durstenfeld wrote it in 1964).
/// Raises Error kUnsupported beyond 2^32 - 1 items.
void shuffle(std::span<int64_t> order, uint32_t seed, Purpose purpose, uint32_t item);

/// The same for items that are cheap to fetch near one another: runs of neighbours in a drawn order, and so many runs as fill a window shuffled among
/// one another.
void shuffle_in_windows(std::span<int64_t> order, int64_t window, uint32_t seed, uint32_t epoch);

}  // namespace sinter::runtime
