// SPDX-License-Identifier: Apache-2.0
#include "mpaio/executor/input_guard.h"

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/executor/inline_executor.h"
#include "mpaio/executor/thread_pool.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

class Good final : public InputGuard {
 public:
  absl::Status ReadFailure() const override { return absl::OkStatus(); }
  absl::Status CheckUnchanged() const override { return absl::OkStatus(); }
};

TEST(InputGuardsTest, GuardsAreListedAsLongAsTheirInputsExist) {
  InputGuards guards;
  EXPECT_THAT(guards.List(), testing::IsEmpty());
  auto first = std::make_shared<Good>(), second = std::make_shared<Good>();
  guards.Add(first);
  guards.Add(second);
  EXPECT_THAT(guards.List(), testing::ElementsAre(first, second));
  const std::shared_ptr<const Good> moved = std::move(first);
  EXPECT_THAT(guards.List(), testing::ElementsAre(moved, second));
  second.reset();
  EXPECT_THAT(guards.List(), testing::ElementsAre(moved));
}

TEST(InputGuardsTest, AListKeepsItsGuards) {
  InputGuards guards;
  auto guard = std::make_shared<Good>();
  guards.Add(guard);
  InputGuardList list = guards.List();
  guard.reset();
  MPAIO_EXPECT_OK(list.front()->ReadFailure());
  EXPECT_EQ(guards.List().size(), 1u);
  list.clear();
  EXPECT_THAT(guards.List(), testing::IsEmpty());
}

TEST(InputGuardsTest, AGuardMayOutliveItsExecutor) {
  const auto guard = std::make_shared<Good>();
  std::unique_ptr<Executor> executor = MakeInlineExecutor();
  executor->AddInputGuard(guard);
  EXPECT_THAT(executor->input_guards(), testing::ElementsAre(guard));
  executor.reset();
  EXPECT_EQ(guard.use_count(), 1);
}

TEST(InputGuardsTest, AllRanksOfAThreadPoolSeeTheGuardsOfRank0) {
  ThreadPoolOptions options;
  options.threads = 3;
  const std::unique_ptr<Executor> pool = *MakeThreadPool(options);
  const auto guard = std::make_shared<Good>();
  pool->AddInputGuard(guard);
  MPAIO_ASSERT_OK(pool->ServeOnOtherRanks([&](Executor& rank) {
    EXPECT_THAT(rank.input_guards(), testing::ElementsAre(guard));
    return absl::OkStatus();
  }));
  pool->JoinOtherRanks();
}

}  // namespace
}  // namespace mpaio
