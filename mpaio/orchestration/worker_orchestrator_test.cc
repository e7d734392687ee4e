// SPDX-License-Identifier: Apache-2.0

// Start: beginning a run, and refusing one.
#include "mpaio/orchestration/worker_orchestrator.h"

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "mpaio/orchestration/test_pools.h"
#include "mpaio/orchestration/test_workers.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

class WorkerOrchestratorTest : public testing::TestWithParam<Pool> {};

INSTANTIATE_TEST_SUITE_P(Pools, WorkerOrchestratorTest, testing::ValuesIn(AllPools()), PoolName);

TEST_P(WorkerOrchestratorTest, StartReturnsBeforeAnythingIsDelivered) {
  const std::vector<std::int64_t> numbers = Counting(10);
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    auto run = WorkerOrchestrator(executor, {&echo}).Start();
    MPAIO_ASSERT_OK(run.status());
    EXPECT_TRUE(echo.chunks.empty());
    MPAIO_EXPECT_OK(run->Wait());
  });
}

TEST_P(WorkerOrchestratorTest, RunsOneAfterTheOther) {
  const std::vector<std::int64_t> numbers = Counting(50);
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo echo(InChunks(numbers, 2));
    WorkerOrchestrator orchestrator(executor, {&echo});
    for (std::size_t k = 1; k <= 20; ++k) {
      auto run = orchestrator.Start();
      MPAIO_ASSERT_OK(run.status());
      MPAIO_EXPECT_OK(run->Wait());
      EXPECT_EQ(echo.chunks.size(), executor.rank() == 0 ? 25 * k : 0u);
    }
  });
}

TEST_P(WorkerOrchestratorTest, InvalidWorkersAreRefusedOnAllRanks) {
  const std::vector<double> doubles(10, 1.0);
  const std::vector<std::int64_t> numbers = Counting(10);
  RunInPool(GetParam(), [&](Executor& executor) {
    EXPECT_THAT(WorkerOrchestrator(executor, {}).Start(),
                StatusIs(absl::StatusCode::kInvalidArgument, "without workers"));
    EXPECT_THAT(WorkerOrchestrator(executor, {nullptr}).Start(),
                StatusIs(absl::StatusCode::kInvalidArgument, "worker 0 is null"));
    Echo wrong(*DataIterator::Create(*NdView::Create(doubles.data(), DType::Of<double>(), {10}),
                                     Partition::Auto()));
    EXPECT_THAT(WorkerOrchestrator(executor, {&wrong}).Start(),
                StatusIs(absl::StatusCode::kInvalidArgument, "float64"));
    Echo without(*DataIterator::Create(*NdView::Create(nullptr, DType::Of<std::int64_t>(), {10}),
                                       Partition::Auto()));
    EXPECT_THAT(WorkerOrchestrator(executor, {&without}).Start(),
                StatusIs(absl::StatusCode::kInvalidArgument, "no data"));
    Echo fine(InChunks(numbers, 1));
    const bool is_last = executor.rank() == executor.size() - 1;
    EXPECT_THAT(WorkerOrchestrator(executor, {is_last ? nullptr : &fine}).Start(),
                StatusIs(absl::StatusCode::kInvalidArgument, "worker 0 is null"))
        << "every rank reports the last rank's error";
    MPAIO_EXPECT_OK(RunToEnd(executor, {&fine})) << "the pool is still usable";
  });
}

}  // namespace
}  // namespace mpaio
