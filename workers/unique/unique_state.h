// SPDX-License-Identifier: Apache-2.0

// The state that the passes of unique share. unique.cc describes the passes.
#ifndef MPAIO_WORKERS_UNIQUE_UNIQUE_STATE_H_
#define MPAIO_WORKERS_UNIQUE_UNIQUE_STATE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "mpaio/array/dtype.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/jobs/registry.h"
#include "workers/order/unique_runs.h"
#include "workers/order/unique_values.h"

namespace mpaio {

// The passes of a job, in order.
enum class UniquePass { kFew, kRuns, kCount, kMerge };

// The place to which the last pass writes the values or the counts.
struct UniqueDestination {
  bool saves = false;
  // From the last pass on: true if rank 0 gathers them, because they are printed or because their
  // file could not be kept open. Otherwise all ranks write them to their file.
  bool gathers = false;
  OutputArray saved;
};

// State shared by the passes of one job. Constant during a pass, except for the contents of the
// arrays and the results that rank 0 receives.
struct UniqueState {
  explicit UniqueState(const NdView& array) : input(array), few(array.dtype()) {}

  const DType& dtype() const { return input.dtype(); }

  NdView input;
  UniquePass pass = UniquePass::kFew;
  // Whether passes may follow the first.
  bool may_be_many = false;
  UniqueDestination values_to, counts_to;

  // On rank 0: the values found by chunks if there are few; true if there are many.
  UniqueMerger few;
  bool are_many = false;

  // Run r begins at row r * slot_rows of these arrays and has space for `slot_rows` values, as many
  // as it can have. It has run_lengths[r] values: known on rank 0 from the end of the pass on, on
  // other ranks from the beginning of the next.
  std::optional<DataIterator> runs;
  Index slot_rows = 0;
  OutputArray values, counts;
  std::vector<Index> run_lengths;

  std::vector<Index> borders;
  // Length of each part, known like run_lengths, and the row at which it begins.
  std::vector<Index> part_lengths, part_begins;

  // On rank 0.
  std::string gathered_values;
  std::vector<Index> gathered_counts;

  std::vector<RowRange> RunRows() const {
    std::vector<RowRange> rows;
    for (std::size_t r = 0; r < run_lengths.size(); ++r) {
      const Index begin = static_cast<Index>(r) * slot_rows;
      rows.push_back({begin, begin + run_lengths[r]});
    }
    return rows;
  }
  UniqueRuns Merger() const {
    return UniqueRuns(values.view().data(),
                      reinterpret_cast<const UniqueRuns::Count*>(counts.view().data()), dtype(),
                      RunRows());
  }
};

}  // namespace mpaio

#endif  // MPAIO_WORKERS_UNIQUE_UNIQUE_STATE_H_
