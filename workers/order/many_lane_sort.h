// SPDX-License-Identifier: Apache-2.0

// Sorts many lanes, each by one rank.
#ifndef MPAIO_WORKERS_ORDER_MANY_LANE_SORT_H_
#define MPAIO_WORKERS_ORDER_MANY_LANE_SORT_H_

#include <memory>

#include "absl/status/status.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/reduction/geometry.h"
#include "workers/order/sort_state.h"

namespace mpaio {

// Returns a worker that sorts lanes that lie within a row of the array.
std::unique_ptr<WorkerBase> SortWithinRows(DataIterator chunks, LaneGeometry lanes,
                                           std::shared_ptr<const SortState> state);

// Sets the job's passes for lanes along the first axis. Collective, as it allocates memory that all
// ranks share.
absl::Status SortAlongFirstAxis(JobContext& context, const LaneGeometry& lanes,
                                const std::shared_ptr<SortState>& state, Job* job);

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_MANY_LANE_SORT_H_
