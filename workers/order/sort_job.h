// SPDX-License-Identifier: Apache-2.0

// Shared by sort and argsort.
#ifndef MPAIO_WORKERS_ORDER_SORT_JOB_H_
#define MPAIO_WORKERS_ORDER_SORT_JOB_H_

#include "mpaio/jobs/registry.h"
#include "workers/order/sort_state.h"

namespace mpaio {

// Returns the worker's registration. Sorts in numpy's order, stably.
//
// One long lane is sorted by all ranks: each rank sorts runs of it, then merges parts of the sorted
// runs. Both divisions are independent of the number of ranks. If there are many lanes, each is
// sorted by one rank.
WorkerInfo SortWorkerInfo(SortResult result);

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_SORT_JOB_H_
