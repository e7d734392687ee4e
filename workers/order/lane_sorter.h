// SPDX-License-Identifier: Apache-2.0

// Sorts a lane, elements one behind the other, in one thread.
#ifndef MPAIO_WORKERS_ORDER_LANE_SORTER_H_
#define MPAIO_WORKERS_ORDER_LANE_SORTER_H_

#include <cstddef>
#include <vector>

#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/kernel/radix_sort.h"

namespace mpaio {

// Keeps its buffers from lane to lane. For use by one thread.
class LaneSorter {
 public:
  // Precondition: HasOrder(dtype).
  explicit LaneSorter(DType dtype) : dtype_(std::move(dtype)) {}

  // `to` becomes the `count` elements of `from`, sorted. The two do not overlap.
  void SortValues(const std::byte* from, Index count, std::byte* to);
  // `to` becomes the positions of the sorted elements: `first` is that of the first element of
  // `from`.
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
