// SPDX-License-Identifier: Apache-2.0
#include "workers/order/axis.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

TEST(ParseAxis, TakesIntegersAndNone) {
  EXPECT_EQ(ParseAxis("none").value(), std::nullopt);
  EXPECT_EQ(ParseAxis("-1").value(), -1);
  EXPECT_THAT(ParseAxis("x"), StatusIs(absl::StatusCode::kInvalidArgument, "axis=x"));
}

// The array 0, 1, ..., 23 of shape (2, 3, 4); lane 5 along axis 1 is o = 1, i = 1: elements 13, 17,
// 21.
TEST(Lanes, GatherAndScatterAreInverse) {
  for (const Index width : {1, 2, 3, 4, 8}) {
    std::vector<std::byte> array(static_cast<std::size_t>(24 * width));
    for (std::size_t i = 0; i < array.size(); ++i)
      array[i] = static_cast<std::byte>(i / static_cast<std::size_t>(width));
    for (const Index axis : {0, 1, 2}) {
      const LaneGeometry lanes = LaneGeometry::Of({2, 3, 4}, axis, false).value();
      for (const Index step : {1, 3, 100}) {
        std::vector<std::byte> back(array.size());
        for (Index first = 0; first < lanes.num_lanes(); first += step) {
          const Index end = std::min(first + step, lanes.num_lanes());
          std::vector<std::byte> gathered(
              static_cast<std::size_t>((end - first) * lanes.length * width));
          GatherLanes(lanes, array.data(), width, first, end, gathered.data());
          if (axis == 1 && first <= 5 && 5 < end) {
            for (const Index j : {0, 1, 2}) {
              EXPECT_EQ(gathered[static_cast<std::size_t>(((5 - first) * 3 + j) * width)],
                        static_cast<std::byte>(13 + 4 * j));
            }
          }
          ScatterLanes(lanes, gathered.data(), width, first, end, back.data());
        }
        EXPECT_EQ(back, array) << "axis " << axis << ", width " << width << ", step " << step;
      }
    }
  }
}

}  // namespace
}  // namespace mpaio
