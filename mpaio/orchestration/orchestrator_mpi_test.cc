// SPDX-License-Identifier: Apache-2.0

// The orchestrator over MPI, for behaviour that the tests on threads cannot show.
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/executor/mpi_executor.h"
#include "mpaio/orchestration/test_workers.h"
#include "mpaio/orchestration/worker_orchestrator.h"
#include "mpaio/testing/mpi_test_environment.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/window/shared_array.h"

namespace mpaio {
namespace {

class OverMpi : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    MpiExecutorOptions options;
    options.orchestrator_works = GetParam();
    absl::StatusOr<std::unique_ptr<Executor>> executor = MpiExecutor::Create(TestWorld(), options);
    MPAIO_ASSERT_OK(executor.status());
    executor_ = *std::move(executor);
  }
  void TearDown() override {
    if (executor_) {
      MPAIO_EXPECT_OK(executor_->Close());
    }
  }
  std::unique_ptr<Executor> executor_;
};

INSTANTIATE_TEST_SUITE_P(Pools, OverMpi, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "AllWork" : "Rank0Directs"; });

TEST_P(OverMpi, EveryRowOnceAndInOrder) {
  const std::vector<std::int64_t> numbers = Counting(20'000);
  for (const Index chunk_rows : {1, 7, 1000, 30'000}) {
    Echo echo(InChunks(numbers, chunk_rows));
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(*executor_, {&echo}).Start();
    MPAIO_ASSERT_OK(run.status());
    MPAIO_EXPECT_OK(run->Wait());
    if (executor_->rank() == 0) {
      EXPECT_EQ(echo.rows, numbers) << "chunks of " << chunk_rows;
    }
  }
}

TEST_P(OverMpi, AnArrayInTheWindow) {
  absl::StatusOr<SharedArray> array =
      SharedArray::Create(*executor_, DType::Of<std::int64_t>(), {5000});
  MPAIO_ASSERT_OK(array.status());
  if (executor_->node_rank() == 0) {
    auto* const numbers = reinterpret_cast<std::int64_t*>(array->mutable_view().mutable_data());
    std::iota(numbers, numbers + 5000, std::int64_t{0});
  }
  MPAIO_ASSERT_OK(array->Seal(*executor_));
  Echo echo(*DataIterator::Create(array->view(), Partition::ChunkSize(11)));
  absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(*executor_, {&echo}).Start();
  MPAIO_ASSERT_OK(run.status());
  MPAIO_EXPECT_OK(run->Wait());
  if (executor_->rank() == 0) {
    EXPECT_EQ(echo.rows, Counting(5000));
  }
}

TEST_P(OverMpi, LargeAndSmallResultsOfTwoJobs) {
  const std::vector<std::int64_t> numbers = Counting(1000);
  const std::vector<std::int64_t> few = Counting(6);
  Echo small(InChunks(numbers, 1));
  Letters large(InChunks(few, 2), 30'000'000);
  absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(*executor_, {&small, &large}).Start();
  MPAIO_ASSERT_OK(run.status());
  MPAIO_EXPECT_OK(run->Wait());
  if (executor_->rank() == 0) {
    EXPECT_EQ(small.rows, numbers);
    EXPECT_EQ(large.callbacks, 3);
  }
}

TEST_P(OverMpi, FailuresAndCancelLeaveThePoolUsable) {
  const std::vector<std::int64_t> numbers = Counting(1000);
  Echo bad(InChunks(numbers, 1));
  bad.before = [](ChunkId chunk) -> absl::Status {
    if (chunk == 17) throw std::runtime_error("boom");
    return absl::OkStatus();
  };
  for (int k = 0; k < 20; ++k) {
    absl::StatusOr<mpaio::Run> failing = WorkerOrchestrator(*executor_, {&bad}).Start();
    MPAIO_ASSERT_OK(failing.status());
    EXPECT_THAT(failing->Wait(),
                StatusIs(absl::StatusCode::kInternal, "chunk 17 (rows 17 to 17), rank "));
    Echo cancelled(InChunks(numbers, 1));
    absl::StatusOr<mpaio::Run> cancelling = WorkerOrchestrator(*executor_, {&cancelled}).Start();
    MPAIO_ASSERT_OK(cancelling.status());
    cancelling->Next();
    cancelling->Cancel();
    EXPECT_THAT(cancelling->Wait(), StatusIs(absl::StatusCode::kCancelled));
  }
  Echo good(InChunks(numbers, 1));
  absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(*executor_, {&good}).Start();
  MPAIO_ASSERT_OK(run.status());
  MPAIO_EXPECT_OK(run->Wait());
  if (executor_->rank() == 0) {
    EXPECT_EQ(good.rows, numbers);
  }
}

TEST_P(OverMpi, RandomJobsEqualTheSerialAnswer) {
  // Every rank draws the same numbers.
  constexpr std::uint64_t kSeed = 20230517;
  std::mt19937_64 random(kSeed);
  for (int trial = 0; trial < 30; ++trial) {
    std::vector<std::vector<std::int64_t>> arrays(1 + random() % 4);
    std::vector<std::unique_ptr<Echo>> workers;
    std::vector<WorkerBase*> pointers;
    for (std::vector<std::int64_t>& array : arrays) {
      array = Counting(static_cast<Index>(random() % 3000));
      workers.push_back(
          std::make_unique<Echo>(InChunks(array, 1 + static_cast<Index>(random() % 200))));
      pointers.push_back(workers.back().get());
    }
    RunOptions options;
    options.max_held_bytes = random() % 2 == 0 ? 1000 : Index{1} << 28;
    options.credits = 1 + static_cast<int>(random() % 6);
    absl::StatusOr<mpaio::Run> run = WorkerOrchestrator(*executor_, pointers).Start(options);
    MPAIO_ASSERT_OK(run.status());
    MPAIO_EXPECT_OK(run->Wait());
    if (executor_->rank() != 0) continue;
    for (std::size_t j = 0; j < arrays.size(); ++j)
      ASSERT_EQ(workers[j]->rows, arrays[j]) << "seed " << kSeed << ", trial " << trial;
  }
}

}  // namespace
}  // namespace mpaio
