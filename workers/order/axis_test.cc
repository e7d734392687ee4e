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

TEST(Lanes, AlongAnAxis) {
  const Lanes lanes = Lanes::Along(1, {2, 3, 4}).value();
  EXPECT_EQ(lanes.outer, 2);
  EXPECT_EQ(lanes.length, 3);
  EXPECT_EQ(lanes.inner, 4);
  EXPECT_EQ(lanes.count(), 8);
  EXPECT_THAT(lanes.shape, testing::ElementsAre(2, 4));
  EXPECT_EQ(Lanes::Along(-3, {2, 3, 4}).value().length, 2);
  EXPECT_EQ(Lanes::Along(std::nullopt, {2, 3, 4}).value().length, 24);
  EXPECT_EQ(Lanes::Along(std::nullopt, {}).value().length, 1);
  EXPECT_THAT(Lanes::Along(3, {2, 3, 4}), StatusIs(absl::StatusCode::kInvalidArgument,
                                                   "axis 3 is out of bounds for an array of 3 dimensions"));
  EXPECT_THAT(Lanes::Along(-1, {}), StatusIs(absl::StatusCode::kInvalidArgument, "axis -1"));
}

// The array 0, 1, ..., 23 of shape (2, 3, 4); lane 5 along axis 1 is o = 1, i = 1: elements 13, 17, 21.
TEST(Lanes, GatherAndScatterAreInverse) {
  for (const Index width : {1, 2, 3, 4, 8}) {
    std::vector<std::byte> array(static_cast<std::size_t>(24 * width));
    for (std::size_t i = 0; i < array.size(); ++i)
      array[i] = static_cast<std::byte>(i / static_cast<std::size_t>(width));
    for (const Index axis : {0, 1, 2}) {
      const Lanes lanes = Lanes::Along(axis, {2, 3, 4}).value();
      for (const Index step : {1, 3, 100}) {
        std::vector<std::byte> back(array.size());
        for (Index first = 0; first < lanes.count(); first += step) {
          const Index end = std::min(first + step, lanes.count());
          std::vector<std::byte> gathered(static_cast<std::size_t>((end - first) * lanes.length * width));
          lanes.Gather(array.data(), width, first, end, gathered.data());
          if (axis == 1 && first <= 5 && 5 < end) {
            for (const Index j : {0, 1, 2}) {
              EXPECT_EQ(gathered[static_cast<std::size_t>(((5 - first) * 3 + j) * width)],
                        static_cast<std::byte>(13 + 4 * j));
            }
          }
          lanes.Scatter(gathered.data(), width, first, end, back.data());
        }
        EXPECT_EQ(back, array) << "axis " << axis << ", width " << width << ", step " << step;
      }
    }
  }
}

}  // namespace
}  // namespace mpaio
