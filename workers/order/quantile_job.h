// SPDX-License-Identifier: Apache-2.0

// Shared by median and quantile.
#ifndef MPAIO_WORKERS_ORDER_QUANTILE_JOB_H_
#define MPAIO_WORKERS_ORDER_QUANTILE_JOB_H_

#include "mpaio/worker/registry.h"

namespace mpaio {

enum class QuantileKind { kMedian, kQuantile };

// Returns the worker's registration. Over all elements: exact, in at most a handful of passes and a
// few MiB of memory, however long the array is. Along an axis: lane by lane, in one pass; lanes of
// more than 2^20 elements in the same way as all elements, many lanes at a time (lane_search.h).
WorkerInfo QuantileWorkerInfo(QuantileKind kind);

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_QUANTILE_JOB_H_
