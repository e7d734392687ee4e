// SPDX-License-Identifier: Apache-2.0

// What a reduction reduces, or a sort sorts: the lanes of an array along an axis.
//
// An array of shape (s0, ..., sk) is seen as (outer, length, inner) around axis a: outer = s0 * ...
// * s(a-1), length = sa, inner = s(a+1) * ... * sk. It has outer * inner lanes of `length` elements
// each, which lie inner elements apart; they are numbered in C order. Without an axis there is one
// lane, of all elements in C order.
#ifndef MPAIO_REDUCTION_GEOMETRY_H_
#define MPAIO_REDUCTION_GEOMETRY_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

struct LaneGeometry {
  Index outer = 1;
  Index length = 0;
  Index inner = 1;
  // Of the array with a value for each lane, as numpy gives it.
  std::vector<Index> result_shape;
  bool has_axis = false;

  Index num_lanes() const { return outer * inner; }
  // The position of a lane's first element in the array. Its others follow at a distance of
  // `inner`.
  Index LaneStart(Index lane) const { return lane / inner * length * inner + lane % inner; }

  // Errors: InvalidArgument where the array has no such axis. A negative axis counts from the last,
  // as in numpy.
  static absl::StatusOr<LaneGeometry> Of(const std::vector<Index>& shape, std::optional<Index> axis,
                                         bool keepdims);
};

}  // namespace mpaio

#endif  // MPAIO_REDUCTION_GEOMETRY_H_
