// SPDX-License-Identifier: Apache-2.0

// Sorts a contiguous lane in one thread.
#ifndef MPAIO_WORKERS_ORDER_LANE_SORTER_H_
#define MPAIO_WORKERS_ORDER_LANE_SORTER_H_

#include <cstddef>
#include <vector>

#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/kernel/radix_sort.h"

namespace mpaio {

// Keeps its buffers from lane to lane. Not thread-safe.
class LaneSorter {
 public:
  // Precondition: HasOrder(dtype).
  explicit LaneSorter(DType dtype) : dtype_(std::move(dtype)) {}

  // Writes the `count` elements of `from` to `to`, sorted. The two must not overlap.
  void SortValues(const std::byte* from, Index count, std::byte* to);
  // Writes the positions of the sorted elements to `to`; `first` is the position of the first
  // element of `from`.
  void SortIndices(const std::byte* from, Index count, Index first, Index* to);

 private:
  void SortEntries(const std::byte* from, Index count);

  DType dtype_;
  std::vector<KeyedIndex> entries_, entries_buffer_;
  std::vector<std::byte> values_;
  std::vector<std::byte> buffer_;
};

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_LANE_SORTER_H_
