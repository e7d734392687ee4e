// SPDX-License-Identifier: Apache-2.0

// The division of one long lane into runs, which ranks sort and then merge.
#ifndef MPAIO_WORKERS_ORDER_RUN_COUNT_H_
#define MPAIO_WORKERS_ORDER_RUN_COUNT_H_

#include <algorithm>

#include "mpaio/base/index.h"

namespace mpaio {

// Returns the number of runs for a number of elements, independently of the number of ranks. A run
// is long enough to be worth merging; there are enough runs for every rank, and few enough that a
// part is merged in a few steps.
inline Index NumRuns(Index num_elements) {
  constexpr Index kLeastRunRows = Index{1} << 14;
  constexpr Index kMostRuns = 64;
  return std::clamp<Index>(num_elements / kLeastRunRows, 1, kMostRuns);
}

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_RUN_COUNT_H_
