// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/run_observer.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/base/wire.h"
#include "mpaio/orchestration/test_pools.h"
#include "mpaio/orchestration/test_workers.h"
#include "mpaio/orchestration/worker_orchestrator.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

using testing::ElementsAre;

// Counts the calls for each chunk of a run with one Echo job.
class Counter : public RunObserver {
 public:
  explicit Counter(Index chunks)
      : assigned(static_cast<std::size_t>(chunks)), committed(assigned), delivered(assigned) {}

  absl::Status OnPhase(RunPhase phase, const RunStats& stats) override {
    phases.push_back(phase);
    if (phase == RunPhase::kStarted) {
      EXPECT_EQ(stats.jobs.size(), 1u);
      resumed = stats.jobs[0].chunks_resumed;
    }
    return phase == failing_phase ? absl::DataLossError("the observer failed") : absl::OkStatus();
  }
  void OnAssigned(int rank, const Assignment& assignment) override {
    EXPECT_EQ(phases.size(), 1u);
    EXPECT_GE(rank, 0);
    Add(assignment.chunks, &assigned);
  }
  absl::Status OnCommitted(const CommittedResults& results) override {
    EXPECT_EQ(phases.size(), 1u);
    EXPECT_EQ(results.job, 0);
    EXPECT_GE(results.busy_seconds, 0);
    Add(results.chunks, &committed);
    WireReader reader(results.encoded);
    for (ChunkId chunk = results.chunks.begin; chunk < results.chunks.end; ++chunk) {
      absl::string_view encoded;
      EXPECT_TRUE(reader.ReadBytes(&encoded));
      const auto elements = DecodeResult<std::vector<std::int64_t>>(encoded);
      EXPECT_THAT(elements.status(), IsOk());
      EXPECT_THAT(*elements, ElementsAre(chunk));
    }
    EXPECT_TRUE(reader.at_end());
    return results.chunks.begin <= failing_chunk && failing_chunk < results.chunks.end
               ? absl::DataLossError("the observer failed")
               : absl::OkStatus();
  }
  void OnDelivered(int job, ChunkRange chunks) override {
    EXPECT_EQ(phases.size(), 1u);
    EXPECT_EQ(job, 0);
    Add(chunks, &delivered);
  }
  absl::Status OnRound(const RunStats&) override {
    EXPECT_EQ(phases.size(), 1u);
    ++rounds;
    return failing_round == rounds ? absl::DataLossError("the observer failed") : absl::OkStatus();
  }

  std::optional<RunPhase> failing_phase;
  ChunkId failing_chunk = -1;
  int failing_round = 0;
  std::vector<RunPhase> phases;
  Index resumed = 0;
  std::vector<int> assigned, committed, delivered;  // by chunk
  int rounds = 0;

 private:
  static void Add(ChunkRange chunks, std::vector<int>* counts) {
    for (ChunkId chunk = chunks.begin; chunk < chunks.end; ++chunk)
      ++counts->at(static_cast<std::size_t>(chunk));
  }
};

constexpr Index kChunks = 300;

// Results of chunks of an Echo over Counting, in ranges.
class Earlier : public ResumedResults {
 public:
  explicit Earlier(std::vector<Range> ranges) : ranges_(std::move(ranges)) {}
  const std::vector<Range>& ranges() const override { return ranges_; }
  absl::StatusOr<std::string> Read(std::size_t i) const override {
    std::string all;
    for (ChunkId chunk = ranges_[i].chunks.begin; chunk < ranges_[i].chunks.end; ++chunk) {
      std::string encoded;
      Codec<std::vector<std::int64_t>>::Encode({chunk}, &encoded);
      WireAppendBytes(encoded, &all);
    }
    return all;
  }

 private:
  std::vector<Range> ranges_;
};

class RunObserverTest : public testing::TestWithParam<Pool> {};
INSTANTIATE_TEST_SUITE_P(Pools, RunObserverTest, testing::ValuesIn(AllPools()), PoolName);

TEST_P(RunObserverTest, SeesEveryChunkOnce) {
  const std::vector<std::int64_t> numbers = Counting(kChunks);
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    Counter first(kChunks), second(kChunks);
    RunOptions options;
    options.observers = {&first, &second};
    options.speculates = false;
    auto run = WorkerOrchestrator(executor, {&echo}).Start(options);
    MPAIO_ASSERT_OK(run.status());
    // Results that are taken one by one are reported, too.
    for (int i = 0; i < 5; ++i) run->Next();
    MPAIO_EXPECT_OK(run->Wait());
    for (const Counter& counter : {first, second}) {
      if (executor.rank() != 0) {
        EXPECT_TRUE(counter.phases.empty());
        continue;
      }
      EXPECT_THAT(counter.phases,
                  ElementsAre(RunPhase::kStarted, RunPhase::kFinishing, RunPhase::kEnded));
      EXPECT_EQ(counter.assigned, std::vector<int>(kChunks, 1));
      EXPECT_EQ(counter.committed, std::vector<int>(kChunks, 1));
      EXPECT_EQ(counter.delivered, std::vector<int>(kChunks, 1));
      EXPECT_GE(counter.rounds, 1);
    }
  });
}

TEST_P(RunObserverTest, AnErrorEndsTheRunOnEveryRank) {
  const std::vector<std::int64_t> numbers = Counting(kChunks);
  for (const char* where : {"started", "committed", "round", "finishing"}) {
    RunInPool(GetParam(), [&](Executor& executor) {
      Echo echo(InChunks(numbers, 1));
      Counter counter(kChunks);
      if (absl::string_view(where) == "started") counter.failing_phase = RunPhase::kStarted;
      if (absl::string_view(where) == "committed") counter.failing_chunk = 17;
      if (absl::string_view(where) == "round") counter.failing_round = 1;
      if (absl::string_view(where) == "finishing") counter.failing_phase = RunPhase::kFinishing;
      RunOptions options;
      options.observers = {&counter};
      EXPECT_THAT(RunToEnd(executor, {&echo}, options),
                  StatusIs(absl::StatusCode::kDataLoss, "the observer failed"))
          << where;
      if (executor.rank() != 0) return;
      EXPECT_THAT(counter.phases,
                  ElementsAre(RunPhase::kStarted, RunPhase::kFinishing, RunPhase::kEnded));
    });
  }
}

TEST_P(RunObserverTest, AnErrorAtTheEndIsRankZerosAlone) {
  const std::vector<std::int64_t> numbers = Counting(kChunks);
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    Counter counter(kChunks);
    counter.failing_phase = RunPhase::kEnded;
    RunOptions options;
    options.observers = {&counter};
    const absl::Status ended = RunToEnd(executor, {&echo}, options);
    EXPECT_EQ(ended.code(),
              executor.rank() == 0 ? absl::StatusCode::kDataLoss : absl::StatusCode::kOk);
  });
}

TEST_P(RunObserverTest, AnErrorOfTheRunComesFirst) {
  const std::vector<std::int64_t> numbers = Counting(kChunks);
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    echo.before = [](ChunkId chunk) {
      return chunk == 7 ? absl::NotFoundError("gone") : absl::OkStatus();
    };
    Counter counter(kChunks);
    counter.failing_phase = RunPhase::kFinishing;
    RunOptions options;
    options.observers = {&counter};
    EXPECT_THAT(RunToEnd(executor, {&echo}, options), StatusIs(absl::StatusCode::kNotFound));
  });
}

TEST_P(RunObserverTest, ResumedResultsAreDeliveredButNotCommittedAgain) {
  const std::vector<std::int64_t> numbers = Counting(kChunks);
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    Counter counter(kChunks);
    const Earlier earlier({{0, {100, 150}}, {0, {10, 20}}, {0, {299, 300}}});
    RunOptions options;
    options.observers = {&counter};
    options.resumed = &earlier;
    MPAIO_EXPECT_OK(RunToEnd(executor, {&echo}, options));
    if (executor.rank() != 0) return;
    EXPECT_EQ(echo.rows, numbers);
    EXPECT_EQ(counter.resumed, 61);
    EXPECT_EQ(counter.delivered, std::vector<int>(kChunks, 1));
    for (ChunkId chunk = 0; chunk < kChunks; ++chunk) {
      const bool is_resumed =
          (chunk >= 100 && chunk < 150) || (chunk >= 10 && chunk < 20) || chunk == 299;
      EXPECT_EQ(counter.committed[static_cast<std::size_t>(chunk)], is_resumed ? 0 : 1) << chunk;
    }
  });
}

TEST_P(RunObserverTest, ResumedResultsOfAnotherRunAreRefused) {
  const std::vector<std::int64_t> numbers = Counting(kChunks);
  for (const ResumedResults::Range& wrong :
       {ResumedResults::Range{0, {299, 301}}, {0, {-1, 3}}, {1, {0, 1}}, {-1, {0, 1}}}) {
    RunInPool(GetParam(), [&](Executor& executor) {
      Echo echo(InChunks(numbers, 1));
      const Earlier earlier({{0, {100, 150}}, wrong});
      RunOptions options;
      options.resumed = &earlier;
      EXPECT_THAT(RunToEnd(executor, {&echo}, options), StatusIs(absl::StatusCode::kDataLoss));
    });
  }
}

// Under a policy every rank processes exactly its assignments.
TEST_P(RunObserverTest, PoliciesAllowNoStealing) {
  const std::vector<std::int64_t> numbers = Counting(kChunks);
  class Ranks : public RunObserver {
   public:
    absl::Status OnPhase(RunPhase, const RunStats& stats) override {
      allows_stealing = stats.allows_stealing;
      return absl::OkStatus();
    }
    void OnAssigned(int rank, const Assignment& assignment) override {
      for (ChunkId chunk = assignment.chunks.begin; chunk < assignment.chunks.end; ++chunk)
        assigned.at(static_cast<std::size_t>(chunk)) = rank;
    }
    absl::Status OnCommitted(const CommittedResults& results) override {
      for (ChunkId chunk = results.chunks.begin; chunk < results.chunks.end; ++chunk)
        EXPECT_EQ(assigned.at(static_cast<std::size_t>(chunk)), results.rank);
      return absl::OkStatus();
    }
    bool allows_stealing = true;
    std::vector<int> assigned = std::vector<int>(kChunks, -1);
  };
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    Ranks ranks;
    RunOptions options;
    options.observers = {&ranks};
    options.policy = ComparisonPolicy(ScheduleKind::kGuided);
    options.speculates = false;
    MPAIO_EXPECT_OK(RunToEnd(executor, {&echo}, options));
    if (executor.rank() == 0) {
      EXPECT_FALSE(ranks.allows_stealing);
    }
  });
}

TEST_P(RunObserverTest, APolicyThatDoesNotFitIsRefusedOnEveryRank) {
  const std::vector<std::int64_t> numbers = Counting(kChunks);
  RunInPool(GetParam(), [&](Executor& executor) {
    Echo echo(InChunks(numbers, 1));
    Counter counter(kChunks);
    ScheduleRecord record;
    record.ranks = executor.size() + 1;
    record.chunks_per_job = {kChunks};
    RunOptions options;
    options.observers = {&counter};
    if (executor.rank() == 0) options.policy = ReplayPolicy(record);
    EXPECT_THAT(RunToEnd(executor, {&echo}, options),
                StatusIs(absl::StatusCode::kInvalidArgument, "replay it with mpirun -n"));
    EXPECT_TRUE(counter.phases.empty());
  });
}

}  // namespace
}  // namespace mpaio
