// SPDX-License-Identifier: Apache-2.0
#include "workers/order/axis.h"

#include <algorithm>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace mpaio {
namespace {

// Calls copy(offset in the array, offset in the lanes) for each element; offsets are in bytes.
// Elements that are neighbours in the array are copied one after the other.
template <typename Copy>
void ForEachElement(const LaneGeometry& lanes, Index itemsize_bytes, Index first, Index end,
                    Copy copy) {
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

// Calls act(copy). For common widths, copy() has a constant width, so that it is one instruction.
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
      return act([width = static_cast<std::size_t>(itemsize_bytes)](
                     std::byte* to, const std::byte* from) { std::memcpy(to, from, width); });
  }
}

}  // namespace

absl::StatusOr<std::optional<Index>> ParseAxis(absl::string_view text) {
  if (text == "none") return std::nullopt;
  Index axis = 0;
  if (!absl::SimpleAtoi(text, &axis)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "axis=", text, " is not an axis; give an integer, or none for all elements as one lane"));
  }
  return axis;
}

void GatherLanes(const LaneGeometry& lanes, const std::byte* array, Index itemsize_bytes,
                 Index first, Index end, std::byte* to) {
  if (first == end || lanes.length == 0 || itemsize_bytes == 0) return;
  if (lanes.inner == 1) {
    std::memcpy(to, array + first * lanes.length * itemsize_bytes,
                static_cast<std::size_t>((end - first) * lanes.length * itemsize_bytes));
    return;
  }
  WithWidth(itemsize_bytes, [&](auto copy) {
    ForEachElement(lanes, itemsize_bytes, first, end,
                   [&](Index from, Index at) { copy(to + at, array + from); });
  });
}

void ScatterLanes(const LaneGeometry& lanes, const std::byte* from, Index itemsize_bytes,
                  Index first, Index end, std::byte* array) {
  if (first == end || lanes.length == 0 || itemsize_bytes == 0) return;
  if (lanes.inner == 1) {
    std::memcpy(array + first * lanes.length * itemsize_bytes, from,
                static_cast<std::size_t>((end - first) * lanes.length * itemsize_bytes));
    return;
  }
  WithWidth(itemsize_bytes, [&](auto copy) {
    ForEachElement(lanes, itemsize_bytes, first, end,
                   [&](Index to, Index at) { copy(array + to, from + at); });
  });
}

}  // namespace mpaio
