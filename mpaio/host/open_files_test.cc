// SPDX-License-Identifier: Apache-2.0
#include "mpaio/host/open_files.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

// The destructor restores the process's limit.
class Limit {
 public:
  Limit() { EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0); }
  ~Limit() { EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before_), 0); }
  void LowerTo(rlim_t files) const {
    const rlimit lower = {files, before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &lower), 0);
  }
  rlim_t hard() const { return before_.rlim_max; }

 private:
  rlimit before_ = {};
};

TEST(OpenFilesTest, TheLimitIsRaisedAsFarAsItMayBe) {
  const Limit limit;
  limit.LowerTo(64);
  EXPECT_EQ(OpenFileLimit(), 64);
  RaiseOpenFileLimit();
  EXPECT_EQ(OpenFileLimit(), static_cast<Index>(std::min(limit.hard(), rlim_t{1} << 20)));
  const Index raised = OpenFileLimit();
  RaiseOpenFileLimit();
  EXPECT_EQ(OpenFileLimit(), raised);
}

TEST(OpenFilesTest, SharesAreHalfOfTheLimitAndAreGivenBack) {
  const Limit limit;
  limit.LowerTo(20);
  for (int round = 0; round < 2; ++round) {
    std::vector<OpenFileShare> shares;
    for (int i = 0; i < 10; ++i) {
      shares.push_back(OpenFileShare::Take());
      EXPECT_TRUE(shares.back().is_taken()) << i;
    }
    EXPECT_FALSE(OpenFileShare::Take().is_taken());
    OpenFileShare moved = std::move(shares.back());
    EXPECT_TRUE(moved.is_taken());
    EXPECT_FALSE(OpenFileShare::Take().is_taken());
    moved = OpenFileShare();
    EXPECT_TRUE(OpenFileShare::Take().is_taken());
  }
}

}  // namespace
}  // namespace mpaio
