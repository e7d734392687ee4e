// SPDX-License-Identifier: Apache-2.0

// The lanes of an array along an axis, which a reduction reduces and a sort sorts.
//
// Around axis a, an array of shape (s0, ..., sk) is viewed as (outer, length, inner):
//   outer  = s0 * ... * s(a-1)
//   length = sa
//   inner  = s(a+1) * ... * sk
// It has outer * inner lanes of `length` elements each, which lie `inner` elements apart. Lanes are
// numbered in C order. Without an axis there is one lane of all elements in C order.
#ifndef MPAIO_REDUCTION_GEOMETRY_H_
#define MPAIO_REDUCTION_GEOMETRY_H_

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

struct LaneGeometry {
  Index outer = 1;
  Index length = 0;
  Index inner = 1;
  // The shape of the result, one value per lane, as in numpy.
  std::vector<Index> result_shape;
  bool has_axis = false;

  Index num_lanes() const { return outer * inner; }
  // Returns the position of a lane's first element in the array. The lane's other elements follow
  // at a distance of `inner`.
  Index LaneStart(Index lane) const { return lane / inner * length * inner + lane % inner; }

  // A negative axis counts from the last, as in numpy. With `keepdims`, the reduced axes stay in
  // result_shape, with extent 1. Errors: InvalidArgument if the array has no such axis.
  static absl::StatusOr<LaneGeometry> Of(const std::vector<Index>& shape, std::optional<Index> axis,
                                         bool keepdims);
};

// Returns DataLoss for a chunk whose result is not that of the expected number of lanes.
absl::Status LaneCountMismatch();

}  // namespace mpaio

#endif  // MPAIO_REDUCTION_GEOMETRY_H_
