// SPDX-License-Identifier: Apache-2.0

// Sorted runs of different values, each with its count, and their merging in parts that do not
// depend on each other. Each run has a value once at the most.
//
// A part is what is between two borders, which are values: so the copies of a value are all in one
// part, and there are at most as many as runs.
//
// Worked example: runs {1, 5}, {5, 6}, {0, 5} and the border 5 make the parts {0, 1} and {5, 6}.
#ifndef MPAIO_WORKERS_ORDER_UNIQUE_RUNS_H_
#define MPAIO_WORKERS_ORDER_UNIQUE_RUNS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/kernel/radix_sort.h"
#include "workers/order/element_order.h"

namespace mpaio {

class UniqueRuns {
 public:
  // Of a value in one run.
  using Count = std::uint32_t;

  // Run r has the values and counts in rows[r], as UniqueValues::Of gives them. Both arrays outlive
  // this. Precondition: HasOrder(dtype).
  UniqueRuns(const std::byte* values, const Count* counts, const DType& dtype,
             std::vector<RowRange> rows);

  // The rows of the values that divide all of them into parts of about `part_rows` rows, in order.
  // A part is longer than that by one in `sample_step` for each run at the most, as every
  // sample_step-th value of a run is looked at.
  std::vector<Index> ChooseBorders(Index part_rows, Index sample_step) const;

  // The different values of a part, sorted.
  class Part {
   public:
    Index size() const { return static_cast<Index>(starts_.size()); }
    // size() values, of those that are equal the one in the first run; of NaNs the first in numpy's
    // order.
    void CopyValues(std::byte* to) const;
    // size() counts.
    void CopyCounts(Index* to) const;

   private:
    friend class UniqueRuns;
    explicit Part(const UniqueRuns& runs) : runs_(runs) {}

    const UniqueRuns& runs_;
    std::vector<KeyedIndex> merged_;
    // Where in `merged_` each value begins.
    std::vector<std::size_t> starts_;
  };
  // Part `number`, from 0; there is one more than borders. Valid while this is there.
  Part Merge(const std::vector<Index>& borders, Index number) const;
  // Its size() alone, in less time.
  Index CountValues(const std::vector<Index>& borders, Index number) const;

 private:
  // Whether the value in row `a` is in front of the one in row `b`, NaNs being one value.
  bool IsInFront(Index a, Index b) const;
  // How much of each run is in front of border `number`, counted from 1; nothing for 0, all for the
  // one behind the last.
  std::vector<Index> Cut(const std::vector<Index>& borders, Index number) const;
  // The rows of each run that are in a part, but for runs that have none.
  std::vector<RowRange> RowsOf(const std::vector<Index>& borders, Index number) const;
  void FindStarts(Part* part) const;

  const std::byte* values_;
  const Count* counts_;
  DType dtype_;
  Index itemsize_bytes_;
  ElementOrder order_;
  std::vector<RowRange> rows_;
};

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_UNIQUE_RUNS_H_
