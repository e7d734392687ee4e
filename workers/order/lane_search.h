// SPDX-License-Identifier: Apache-2.0

// Quantiles of lanes that are too long for one rank to hold the keys of one: found by counting, in
// a few passes over many lanes at once, in bounded memory.
//
// Lanes are searched in batches, so many that what rank 0 has of all of them stays within 64 MiB. A
// pass goes over those lanes of the batch whose quantiles are not found yet; its plan says what is
// to be found out of each (RankPass). A chunk of it is some tiles: a tile is a range of positions
// along the axis times a few lanes that lie beside each other in memory, since where lanes are
// strided a position of one costs the memory a cache line, in which its neighbours are too.
#ifndef MPAIO_WORKERS_ORDER_LANE_SEARCH_H_
#define MPAIO_WORKERS_ORDER_LANE_SEARCH_H_

#include <vector>

#include "absl/status/statusor.h"
#include "mpaio/array/dtype.h"
#include "mpaio/base/index.h"
#include "mpaio/reduction/geometry.h"
#include "mpaio/worker/registry.h"
#include "workers/order/quantile.h"

namespace mpaio {

// What rank 0 takes of elements at the most, 8 bytes each: then they are as good as found.
inline constexpr Index kMaxCollectedKeys = Index{1} << 20;

// The job that computes `quantile` of each lane of the context's array; there is at least one lane,
// of at least one element. The answer is of `result_type` and `result_shape`: for each quantile, a
// value for each lane.
absl::StatusOr<Job> SearchLanes(JobContext& context, const LaneGeometry& lanes,
                                const Quantile& quantile, const DType& result_type,
                                const std::vector<Index>& result_shape);

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_LANE_SEARCH_H_
