#include "mpaio/orchestration/pace.h"

#include <chrono>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(Pace, BeginsWithOneAndDoublesAsLongAsThereIsTime) {
  Pace pace;
  for (const Index expected : {1, 2, 4, 8, 16, 32, 64, 64}) {
    EXPECT_EQ(pace.next(), expected);
    pace.Took(pace.next(), nanoseconds(pace.next()));
  }
}

TEST(Pace, AimsAtATime) {
  Pace pace;
  for (int i = 0; i < 10; ++i) pace.Took(pace.next(), pace.next() * Pace::kAim / 20);
  EXPECT_EQ(pace.next(), 20);
}

TEST(Pace, FallsToOneAtOnce) {
  Pace pace;
  for (int i = 0; i < 10; ++i) pace.Took(pace.next(), nanoseconds(1));
  ASSERT_EQ(pace.next(), Pace::kMost);
  pace.Took(Pace::kMost, seconds(1));
  EXPECT_EQ(pace.next(), 1);
}

// A clock may stand still, and what fails at once has done nothing.
TEST(Pace, TakesNothingForAnAnswer) {
  Pace pace;
  pace.Took(1, nanoseconds(0));
  EXPECT_EQ(pace.next(), 2);
  pace.Took(0, nanoseconds(5));
  EXPECT_EQ(pace.next(), 1);
}

}  // namespace
}  // namespace mpaio
