// SPDX-License-Identifier: Apache-2.0

// What median and quantile have in common.
#ifndef MPAIO_WORKERS_ORDER_QUANTILE_JOB_H_
#define MPAIO_WORKERS_ORDER_QUANTILE_JOB_H_

#include "mpaio/worker/registry.h"

namespace mpaio {

enum class QuantileKind { kMedian, kQuantile };

// The worker's registration. Of all elements: exact, in up to a handful of passes and a few MiB of
// memory, however long the array. Along an axis: lane by lane, in one pass; lanes of more than 2^20
// elements as all elements are, many at a time (lane_search.h).
WorkerInfo QuantileWorkerInfo(QuantileKind kind);

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_QUANTILE_JOB_H_
