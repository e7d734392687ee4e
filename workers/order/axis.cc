#include "workers/order/axis.h"

#include <algorithm>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace mpaio {
namespace {

// Calls copy(offset in the array, offset in the lanes) for each element, in bytes. Elements that are
// neighbours in the array are so in time too.
template <typename Copy>
void ForEachElement(const Lanes& lanes, Index itemsize_bytes, Index first, Index end, Copy copy) {
  const Index lane_bytes = lanes.length * itemsize_bytes;
  for (Index lane = first; lane < end;) {
    const Index o = lane / lanes.inner, i = lane % lanes.inner;
    const Index together = std::min(end - lane, lanes.inner - i);
    for (Index j = 0; j < lanes.length; ++j) {
      const Index at = ((o * lanes.length + j) * lanes.inner + i) * itemsize_bytes;
      const Index to = (lane - first) * lane_bytes + j * itemsize_bytes;
      for (Index l = 0; l < together; ++l) copy(at + l * itemsize_bytes, to + l * lane_bytes);
    }
    lane += together;
  }
}

// Whole elements of common widths, so that a copy is one instruction.
template <typename Do>
void WithWidth(Index itemsize_bytes, Do&& act) {
  switch (itemsize_bytes) {
    case 1:
      return act([](std::byte* to, const std::byte* from) { std::memcpy(to, from, 1); });
    case 2:
      return act([](std::byte* to, const std::byte* from) { std::memcpy(to, from, 2); });
    case 4:
      return act([](std::byte* to, const std::byte* from) { std::memcpy(to, from, 4); });
    case 8:
      return act([](std::byte* to, const std::byte* from) { std::memcpy(to, from, 8); });
    default:
      return act([width = static_cast<std::size_t>(itemsize_bytes)](std::byte* to, const std::byte* from) {
        std::memcpy(to, from, width);
      });
  }
}

}  // namespace

absl::StatusOr<std::optional<Index>> ParseAxis(absl::string_view text) {
  if (text == "none") return std::nullopt;
  Index axis = 0;
  if (!absl::SimpleAtoi(text, &axis)) {
    return absl::InvalidArgumentError(
        absl::StrCat("axis=", text, " is no axis; give an integer, or none for all elements as one"));
  }
  return axis;
}

absl::StatusOr<Lanes> Lanes::Along(std::optional<Index> axis, const std::vector<Index>& shape) {
  Lanes lanes;
  if (!axis.has_value()) {
    lanes.length = 1;
    for (const Index extent : shape) lanes.length *= extent;
    return lanes;
  }
  const Index dimensions = static_cast<Index>(shape.size());
  if (*axis < -dimensions || *axis >= dimensions) {
    return absl::InvalidArgumentError(absl::StrCat("axis ", *axis, " is out of bounds for an array of ",
                                                   dimensions,
                                                   dimensions == 1 ? " dimension" : " dimensions"));
  }
  const Index position = *axis < 0 ? *axis + dimensions : *axis;
  for (Index a = 0; a < dimensions; ++a) {
    const Index extent = shape[static_cast<std::size_t>(a)];
    if (a == position) {
      lanes.length = extent;
      continue;
    }
    (a < position ? lanes.outer : lanes.inner) *= extent;
    lanes.shape.push_back(extent);
  }
  return lanes;
}

void Lanes::Gather(const std::byte* array, Index itemsize_bytes, Index first, Index end,
                   std::byte* to) const {
  if (first == end || length == 0 || itemsize_bytes == 0) return;
  if (inner == 1) {
    std::memcpy(to, array + first * length * itemsize_bytes,
                static_cast<std::size_t>((end - first) * length * itemsize_bytes));
    return;
  }
  WithWidth(itemsize_bytes, [&](auto copy) {
    ForEachElement(*this, itemsize_bytes, first, end,
                   [&](Index from, Index at) { copy(to + at, array + from); });
  });
}

void Lanes::Scatter(const std::byte* lanes, Index itemsize_bytes, Index first, Index end,
                    std::byte* array) const {
  if (first == end || length == 0 || itemsize_bytes == 0) return;
  if (inner == 1) {
    std::memcpy(array + first * length * itemsize_bytes, lanes,
                static_cast<std::size_t>((end - first) * length * itemsize_bytes));
    return;
  }
  WithWidth(itemsize_bytes, [&](auto copy) {
    ForEachElement(*this, itemsize_bytes, first, end,
                   [&](Index at, Index from) { copy(array + at, lanes + from); });
  });
}

}  // namespace mpaio
