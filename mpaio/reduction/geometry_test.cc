// SPDX-License-Identifier: Apache-2.0
#include "mpaio/reduction/geometry.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(LaneGeometry, WithoutAnAxisIsOneLaneOfAllElements) {
  const LaneGeometry geometry = LaneGeometry::Of({3, 4, 5}, std::nullopt, false).value();
  EXPECT_FALSE(geometry.has_axis);
  EXPECT_EQ(geometry.num_lanes(), 1);
  EXPECT_EQ(geometry.length, 60);
  EXPECT_EQ(geometry.inner, 1);
  EXPECT_THAT(geometry.result_shape, IsEmpty());
  EXPECT_THAT(LaneGeometry::Of({3, 4, 5}, std::nullopt, true).value().result_shape,
              ElementsAre(1, 1, 1));
  EXPECT_EQ(LaneGeometry::Of({}, std::nullopt, false).value().length, 1);
  EXPECT_EQ(LaneGeometry::Of({3, 0}, std::nullopt, false).value().length, 0);
}

// Each element is in the lane and at the position that indexing gives.
TEST(LaneGeometry, LanesMatchIndexing) {
  const std::vector<Index> shape = {3, 4, 5};
  for (Index axis = -3; axis < 3; ++axis) {
    const LaneGeometry geometry = LaneGeometry::Of(shape, axis, false).value();
    const std::size_t a = static_cast<std::size_t>(axis < 0 ? axis + 3 : axis);
    ASSERT_EQ(geometry.length, shape[a]);
    ASSERT_EQ(geometry.num_lanes(), 60 / shape[a]);
    Index lane = 0;
    std::vector<Index> index(3, 0);
    // The other two axes in C order.
    const std::size_t first = a == 0 ? 1 : 0, second = a == 2 ? 1 : 2;
    for (index[first] = 0; index[first] < shape[first]; ++index[first]) {
      for (index[second] = 0; index[second] < shape[second]; ++index[second], ++lane) {
        for (index[a] = 0; index[a] < shape[a]; ++index[a]) {
          EXPECT_EQ(geometry.LaneStart(lane) + index[a] * geometry.inner,
                    (index[0] * 4 + index[1]) * 5 + index[2])
              << "axis " << axis << ", lane " << lane;
        }
      }
    }
  }
}

TEST(LaneGeometry, TheResultLosesTheAxisOrKeepsItAsOne) {
  EXPECT_THAT(LaneGeometry::Of({3, 4, 5}, 1, false).value().result_shape, ElementsAre(3, 5));
  EXPECT_THAT(LaneGeometry::Of({3, 4, 5}, -1, true).value().result_shape, ElementsAre(3, 4, 1));
  EXPECT_THAT(LaneGeometry::Of({7}, 0, false).value().result_shape, IsEmpty());
}

TEST(LaneGeometry, RefusesAMissingAxis) {
  for (const Index axis : {3, -4}) {
    const auto geometry = LaneGeometry::Of({3, 4, 5}, axis, false);
    EXPECT_EQ(geometry.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(geometry.status().message()),
                testing::HasSubstr("the array has 3 axes, shape (3, 4, 5)"));
  }
  EXPECT_THAT(std::string(LaneGeometry::Of({}, -1, false).status().message()),
              testing::HasSubstr("axis=-1: the array has 0 axes"));
}

}  // namespace
}  // namespace mpaio
