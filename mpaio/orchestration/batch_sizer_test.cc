// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/batch_sizer.h"

#include <chrono>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(BatchSizer, BeginsWithOneAndDoublesWhileItemsAreFast) {
  BatchSizer batch_sizer;
  for (const Index expected : {1, 2, 4, 8, 16, 32, 64, 64}) {
    EXPECT_EQ(batch_sizer.next(), expected);
    batch_sizer.Record(batch_sizer.next(), nanoseconds(batch_sizer.next()));
  }
}

TEST(BatchSizer, AimsAtATime) {
  BatchSizer batch_sizer;
  for (int i = 0; i < 10; ++i)
    batch_sizer.Record(batch_sizer.next(), batch_sizer.next() * BatchSizer::kAim / 20);
  EXPECT_EQ(batch_sizer.next(), 20);
}

TEST(BatchSizer, FallsToOneAtOnce) {
  BatchSizer batch_sizer;
  for (int i = 0; i < 10; ++i) batch_sizer.Record(batch_sizer.next(), nanoseconds(1));
  ASSERT_EQ(batch_sizer.next(), BatchSizer::kMost);
  batch_sizer.Record(BatchSizer::kMost, seconds(1));
  EXPECT_EQ(batch_sizer.next(), 1);
}

// The clock may not advance between two readings, and an immediate failure processes no items.
TEST(BatchSizer, AcceptsNoTimeAndNoItems) {
  BatchSizer batch_sizer;
  batch_sizer.Record(1, nanoseconds(0));
  EXPECT_EQ(batch_sizer.next(), 2);
  batch_sizer.Record(0, nanoseconds(5));
  EXPECT_EQ(batch_sizer.next(), 1);
}

}  // namespace
}  // namespace mpaio
