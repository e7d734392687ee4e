// SPDX-License-Identifier: Apache-2.0

// Sorted runs of distinct values with their counts, and their merging in independent parts. A run
// contains each value at most once.
//
// A part is the range between two borders, which are values. Therefore all copies of a value are in
// one part, and a value has at most as many copies as there are runs.
//
// Example: runs {1, 5}, {5, 6}, {0, 5} and the border 5 make the parts {0, 1} and {5, 6}.
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
  // Count of a value in one run.
  using Count = std::uint32_t;

  // Run r has the values and counts in rows[r], as UniqueValues::Of returns them. Both arrays must
  // outlive this object. Precondition: HasOrder(dtype).
  UniqueRuns(const std::byte* values, const Count* counts, const DType& dtype,
             std::vector<RowRange> rows);

  // Returns the rows of the values that divide all runs into parts of about `part_rows` rows, in
  // order. A part may exceed that by at most `sample_step` rows for each run, because only every
  // sample_step-th value of a run is examined.
  std::vector<Index> ChooseBorders(Index part_rows, Index sample_step) const;

  // The distinct values of a part, sorted.
  class Part {
   public:
    Index size() const { return static_cast<Index>(starts_.size()); }
    // Copies size() values. Among equal values, the one in the first run is copied; among NaNs, the
    // first in numpy's order.
    void CopyValues(std::byte* to) const;
    // Copies size() counts.
    void CopyCounts(Index* to) const;

   private:
    friend class UniqueRuns;
    explicit Part(const UniqueRuns& runs) : runs_(runs) {}

    const UniqueRuns& runs_;
    std::vector<KeyedIndex> merged_;
    // Position in `merged_` at which each value begins.
    std::vector<std::size_t> starts_;
  };
  // Merges part `number`, from 0; there is one more part than borders. The result is valid while
  // this object lives.
  Part Merge(const std::vector<Index>& borders, Index number) const;
  // Returns the size() of that part alone, in less time.
  Index CountValues(const std::vector<Index>& borders, Index number) const;

 private:
  // Returns true if the value in row `a` sorts before the one in row `b`, with all NaNs as one
  // value.
  bool SortsBefore(Index a, Index b) const;
  // Returns, for each run, the row at which border `number` divides it, counted from 1: the
  // beginning of the run for 0, its end for the number after the last border.
  std::vector<Index> Cut(const std::vector<Index>& borders, Index number) const;
  // Returns the rows of each run that are in a part, without runs that have none.
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
