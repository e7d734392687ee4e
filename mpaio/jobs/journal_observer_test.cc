// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/journal_observer.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "mpaio/orchestration/test_pools.h"
#include "mpaio/orchestration/test_workers.h"
#include "mpaio/orchestration/worker_orchestrator.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

constexpr Index kChunks = 200;

class JournalObserverTest : public testing::TestWithParam<Pool> {};
INSTANTIATE_TEST_SUITE_P(Pools, JournalObserverTest, testing::ValuesIn(AllPools()), PoolName);

Index ChunksOf(const JournalReader& journal, std::int32_t pass) {
  Index chunks = 0;
  for (const JournalEntry& entry : journal.entries())
    chunks += entry.pass == pass ? entry.chunks.size() : 0;
  return chunks;
}

// A run is cancelled in its middle and then resumed. Its second pass has another number.
TEST_P(JournalObserverTest, AJournaledRunIsResumed) {
  const TempDirectory directory;
  const std::string path = directory.path() + "/journal";
  const std::vector<std::int64_t> numbers = Counting(kChunks);
  RunInPool(GetParam(), [&](Executor& executor) {
    const bool is_rank_0 = executor.rank() == 0;
    RunOptions options;
    {
      std::optional<JournalWriter> journal;
      std::optional<JournalObserver> observer;
      if (is_rank_0) {
        auto created = JournalWriter::Create(path, "this run");
        MPAIO_ASSERT_OK(created);
        journal = *std::move(created);
        observer.emplace(&*journal, 3);
        options.observers = {&*observer};
      }
      Echo echo(InChunks(numbers, 1));
      auto run = WorkerOrchestrator(executor, {&echo}).Start(options);
      MPAIO_ASSERT_OK(run);
      for (int i = 0; i < 50; ++i) run->Next();
      run->Cancel();
      EXPECT_THAT(run->Wait(), StatusIs(absl::StatusCode::kCancelled));
      options.observers.clear();
    }
    std::optional<JournalReader> read;
    std::optional<JournalWriter> journal;
    std::optional<JournalObserver> observer;
    std::optional<JournalResults> resumed;
    if (is_rank_0) {
      auto opened = JournalReader::Open(path);
      MPAIO_ASSERT_OK(opened);
      read = *std::move(opened);
      EXPECT_GE(ChunksOf(*read, 3), 50);
      EXPECT_TRUE(JournalResults(&*read, 0).ranges().empty());
      auto continued = JournalWriter::Continue(path, *read);
      MPAIO_ASSERT_OK(continued);
      journal = *std::move(continued);
      observer.emplace(&*journal, 3);
      resumed.emplace(&*read, 3);
      options.observers = {&*observer};
      options.resumed = &*resumed;
    }
    Echo echo(InChunks(numbers, 1));
    auto run = WorkerOrchestrator(executor, {&echo}).Start(options);
    MPAIO_ASSERT_OK(run);
    MPAIO_EXPECT_OK(run->Wait());
    if (!is_rank_0) return;
    EXPECT_EQ(echo.rows, numbers);
    EXPECT_EQ(run->stats().jobs[0].chunks_resumed, ChunksOf(*read, 3));
    MPAIO_ASSERT_OK(journal->Flush());
    const auto all = JournalReader::Open(path);
    MPAIO_ASSERT_OK(all);
    EXPECT_EQ(ChunksOf(*all, 3), kChunks);
  });
}

TEST_P(JournalObserverTest, AnErrorOfTheJournalEndsTheRun) {
  const TempDirectory directory;
  const std::vector<std::int64_t> numbers = Counting(kChunks);
  RunInPool(GetParam(), [&](Executor& executor) {
    std::optional<JournalWriter> journal;
    std::optional<JournalObserver> observer;
    RunOptions options;
    if (executor.rank() == 0) {
      auto created = JournalWriter::Create(directory.path() + "/journal", "this run");
      MPAIO_ASSERT_OK(created);
      journal = *std::move(created);
      MPAIO_ASSERT_OK(journal->Empty());  // every later call fails
      observer.emplace(&*journal, 0);
      options.observers = {&*observer};
    }
    Echo echo(InChunks(numbers, 1));
    EXPECT_THAT(RunToEnd(executor, {&echo}, options),
                StatusIs(absl::StatusCode::kFailedPrecondition, "was emptied"));
  });
}

}  // namespace
}  // namespace mpaio
