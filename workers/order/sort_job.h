// SPDX-License-Identifier: Apache-2.0

// What sort and argsort have in common.
#ifndef MPAIO_WORKERS_ORDER_SORT_JOB_H_
#define MPAIO_WORKERS_ORDER_SORT_JOB_H_

#include "mpaio/worker/registry.h"

namespace mpaio {

enum class SortResult { kValues, kIndices };

// The worker's registration. numpy's order, stable: equal elements stay in their order.
//
// One long lane is sorted by all ranks: first runs of it, each by one rank, then parts of the
// merged runs, each by one rank. Both are divided by the array's length alone. Many lanes are
// sorted each by one rank.
WorkerInfo SortWorkerInfo(SortResult result);

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_SORT_JOB_H_
