// SPDX-License-Identifier: Apache-2.0
#include "mpaio/reduction/geometry.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace mpaio {

absl::StatusOr<LaneGeometry> LaneGeometry::Of(const std::vector<Index>& shape,
                                              std::optional<Index> axis, bool keepdims) {
  LaneGeometry geometry;
  const Index num_axes = static_cast<Index>(shape.size());
  if (!axis) {
    geometry.length = 1;
    for (const Index extent : shape) geometry.length *= extent;
    if (keepdims) geometry.result_shape.assign(shape.size(), 1);
    return geometry;
  }
  const Index a = *axis < 0 ? *axis + num_axes : *axis;
  if (num_axes == 0)
    return absl::InvalidArgumentError(
        absl::StrCat("axis=", *axis, ": the array has 0 axes, shape (); give axis=none"));
  if (a < 0 || a >= num_axes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "axis=", *axis, ": the array has ", num_axes, num_axes == 1 ? " axis" : " axes", ", shape ",
        ShapeToString(shape), "; give one from ", -num_axes, " to ", num_axes - 1, ", or none"));
  }
  geometry.has_axis = true;
  for (Index i = 0; i < num_axes; ++i) {
    const Index extent = shape[static_cast<std::size_t>(i)];
    if (i < a) geometry.outer *= extent;
    if (i == a) geometry.length = extent;
    if (i > a) geometry.inner *= extent;
    if (i != a) {
      geometry.result_shape.push_back(extent);
    } else if (keepdims) {
      geometry.result_shape.push_back(1);
    }
  }
  return geometry;
}

absl::Status LaneCountMismatch() {
  return absl::DataLossError(
      "a chunk came back with another number of lanes: all ranks must run the same program");
}

}  // namespace mpaio
