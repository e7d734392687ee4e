// SPDX-License-Identifier: Apache-2.0

// Shared by median and quantile.
#ifndef MPAIO_WORKERS_ORDER_QUANTILE_JOB_H_
#define MPAIO_WORKERS_ORDER_QUANTILE_JOB_H_

#include "mpaio/jobs/registry.h"

namespace mpaio {

enum class QuantileKind { kMedian, kQuantile };

// Returns the worker's registration. Results are exact. All elements as one lane are searched in a
// few passes and a few MiB of memory, however long the array is. Along an axis, lanes of up to 2^20
// elements are selected from one by one, in one pass; longer ones are searched like all elements,
// many lanes at a time (lane_search.h).
WorkerInfo QuantileWorkerInfo(QuantileKind kind);

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_QUANTILE_JOB_H_
