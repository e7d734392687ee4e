// SPDX-License-Identifier: Apache-2.0

// Quantiles of lanes whose keys are too many for one rank's memory: found by counting, in a few
// passes over many lanes at once, in bounded memory.
//
// Lanes are searched in batches, sized so that rank 0's data for a batch stays within 64 MiB. A
// pass covers those lanes of the batch whose quantiles are not found yet; its plan has a RankPass
// for each. A chunk of a pass is a range of tiles. A tile is a range of positions along the axis
// times a few lanes that are adjacent in memory: if lanes are strided, reading one position of a
// lane costs a cache line, which contains its neighbours too.
#ifndef MPAIO_WORKERS_ORDER_LANE_SEARCH_H_
#define MPAIO_WORKERS_ORDER_LANE_SEARCH_H_

#include <vector>

#include "absl/status/statusor.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/reduction/geometry.h"
#include "workers/order/quantile.h"

namespace mpaio {

// The maximum number of elements that rank 0 collects, 8 bytes each. With so few candidates left,
// the search is almost complete.
inline constexpr Index kMaxCollectedKeys = Index{1} << 20;

// Returns the job that computes `quantile` of each lane of the context's array. The answer has
// `result_type` and `result_shape`: for each quantile, a value for each lane. Precondition: there
// is at least one lane, of at least one element.
absl::StatusOr<Job> SearchLanes(JobContext& context, const LaneGeometry& lanes,
                                const Quantile& quantile, const DType& result_type,
                                const std::vector<Index>& result_shape);

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_LANE_SEARCH_H_
