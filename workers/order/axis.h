// SPDX-License-Identifier: Apache-2.0

// The parameter axis=, and copies of the lanes along it.
#ifndef MPAIO_WORKERS_ORDER_AXIS_H_
#define MPAIO_WORKERS_ORDER_AXIS_H_

#include <cstddef>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"
#include "mpaio/reduction/geometry.h"

namespace mpaio {

// Parses the value of a parameter axis=, "none" or an integer. Errors: InvalidArgument.
absl::StatusOr<std::optional<Index>> ParseAxis(absl::string_view text);

// Copies lanes [first, end) of the array at `array` to `to`, one after the other. The two must not
// overlap.
void GatherLanes(const LaneGeometry& lanes, const std::byte* array, Index itemsize_bytes,
                 Index first, Index end, std::byte* to);
// The inverse of GatherLanes.
void ScatterLanes(const LaneGeometry& lanes, const std::byte* from, Index itemsize_bytes,
                  Index first, Index end, std::byte* array);

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_AXIS_H_
