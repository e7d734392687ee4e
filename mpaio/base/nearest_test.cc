// SPDX-License-Identifier: Apache-2.0
#include "mpaio/base/nearest.h"

#include "gtest/gtest.h"

namespace mpaio {
namespace {

TEST(Nearest, IsTheOneWithTheFewestChanges) {
  EXPECT_EQ(Nearest("axes", {"keepdims", "axis", "overflow"}), "axis");
  EXPECT_EQ(Nearest("keepdim", {"keepdims", "axis"}), "keepdims");
  EXPECT_EQ(Nearest("sum", {"prod", "sum", "sums"}), "sum");
  EXPECT_EQ(Nearest("mac", {"max", "man"}), "max");
}

TEST(Nearest, NoneIsNearWhereTooMuchDiffers) {
  EXPECT_EQ(Nearest("year", {"fn", "expr", "dtype"}), "");
  EXPECT_EQ(Nearest("n", {"fn"}), "fn");
  EXPECT_EQ(Nearest("n", {"q", "x"}), "");
  EXPECT_EQ(Nearest("", {"sum"}), "");
  EXPECT_EQ(Nearest("sum", {}), "");
}

// A third of a long name's letters may differ.
TEST(Nearest, LongNamesMayDifferInMore) {
  EXPECT_EQ(Nearest("conut_nonzreo", {"count_nonzero"}), "count_nonzero");
  EXPECT_EQ(Nearest("nothing_like_it", {"concat", "median"}), "");
}

}  // namespace
}  // namespace mpaio
