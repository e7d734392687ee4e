// The lanes of an array along an axis.
#ifndef MPAIO_WORKERS_ORDER_AXIS_H_
#define MPAIO_WORKERS_ORDER_AXIS_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// The value of a parameter axis=, "none" or an integer. Errors: InvalidArgument.
absl::StatusOr<std::optional<Index>> ParseAxis(absl::string_view text);

// Of an array of shape (s0, ..., sk), the lane (o, i) along axis a is the `length` = sa elements at o *
// length * inner + j * inner + i, 0 <= j < length; `inner` is the product of the extents behind a, `outer` of
// those in front of it. Lanes are numbered o * inner + i.
struct Lanes {
  Index outer = 1;
  Index length = 0;
  Index inner = 1;
  // The shape without the axis.
  std::vector<Index> shape;

  Index count() const { return outer * inner; }

  // Along `axis`, negative ones counted from the end; without one, all elements are one lane. Errors:
  // InvalidArgument, no such axis.
  static absl::StatusOr<Lanes> Along(std::optional<Index> axis, const std::vector<Index>& shape);

  // Copies lanes [first, end) from the C-order array at `array` to `to`, one behind the other.
  void Gather(const std::byte* array, Index itemsize_bytes, Index first, Index end, std::byte* to) const;
  // The other way.
  void Scatter(const std::byte* lanes, Index itemsize_bytes, Index first, Index end, std::byte* array) const;
};

}  // namespace mpaio

#endif  // MPAIO_WORKERS_ORDER_AXIS_H_
