// SPDX-License-Identifier: Apache-2.0

// The state and the functions that the ways to sort an array share.
#ifndef MPAIO_WORKERS_ORDER_SORT_STATE_H_
#define MPAIO_WORKERS_ORDER_SORT_STATE_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/jobs/registry.h"
#include "workers/order/lane_sorter.h"

namespace mpaio {

enum class SortResult { kValues, kIndices };

// State shared by the passes of one job. Constant during a pass except for the contents of the
// arrays.
struct SortState {
  NdView input;
  SortResult result = SortResult::kValues;
  OutputArray output;
  // Data between two passes: elements of the output's type, or positions.
  OutputArray scratch;
};

template <typename T>
T* RowsOf(const OutputArray& array, Index row) {
  return array.Rows<T>({row, row}).data();
}

// Sorts the lane of `count` elements at `from` to `to`: the elements, or their positions, the first
// of which is `first`.
void SortLane(const SortState& state, LaneSorter& sorter, const std::byte* from, Index count,
              Index first, std::byte* to);

// Returns an array of `count` rows without data, for a worker that iterates over something other
// than elements.
absl::StatusOr<NdView> RowsWithoutData(Index count);

// Returns a function that returns plan() the first time, then nothing.
std::function<absl::StatusOr<std::optional<NextPass>>()> OneMorePass(
    std::function<std::string()> plan);

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_SORT_STATE_H_
