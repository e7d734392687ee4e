// SPDX-License-Identifier: Apache-2.0

// Sorts one long lane by all ranks: each rank sorts runs of it, then merges parts of the sorted
// runs.
#ifndef MPAIO_WORKERS_ORDER_RUN_MERGE_SORT_H_
#define MPAIO_WORKERS_ORDER_RUN_MERGE_SORT_H_

#include <memory>

#include "absl/status/status.h"
#include "mpaio/jobs/registry.h"
#include "workers/order/sort_state.h"

namespace mpaio {

// Sets the job's passes. Both divisions are independent of the number of ranks. Collective, as it
// may allocate memory that all ranks share.
absl::Status SortOneLane(JobContext& context, const std::shared_ptr<SortState>& state, Job* job);

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_RUN_MERGE_SORT_H_
