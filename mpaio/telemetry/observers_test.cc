// SPDX-License-Identifier: Apache-2.0

// The observers of this package, in runs. The CPU usage of runs is tested in run_test.cc.
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "mpaio/orchestration/test_pools.h"
#include "mpaio/orchestration/test_workers.h"
#include "mpaio/orchestration/worker_orchestrator.h"
#include "mpaio/telemetry/cpu_usage_observer.h"
#include "mpaio/telemetry/progress_observer.h"
#include "mpaio/telemetry/schedule_recorder.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

class ObserversTest : public testing::TestWithParam<Pool> {};
INSTANTIATE_TEST_SUITE_P(Pools, ObserversTest, testing::ValuesIn(AllPools()), PoolName);

// Two runs are recorded, with stealing and without, and replayed.
TEST_P(ObserversTest, ARecordedScheduleIsReplayed) {
  const std::vector<std::int64_t> numbers = Counting(200);
  RunInPool(GetParam(), [&](Executor& executor) {
    ScheduleRecorder recorder, replayed;
    RunOptions options;
    options.speculates = false;
    for (const ScheduleKind kind : {ScheduleKind::kAuto, ScheduleKind::kFactoring}) {
      Echo echo(InChunks(numbers, 1)), other(InChunks(numbers, 7));
      options.observers = {&recorder};
      options.policy = ComparisonPolicy(kind);
      MPAIO_ASSERT_OK(RunToEnd(executor, {&echo, &other}, options));
    }
    for (std::size_t run = 0; run < 2; ++run) {
      Echo echo(InChunks(numbers, 1)), other(InChunks(numbers, 7));
      options.observers = {&replayed};
      options.policy = executor.rank() == 0 ? ReplayPolicy(recorder.records()[run]) : nullptr;
      MPAIO_ASSERT_OK(RunToEnd(executor, {&echo, &other}, options));
      if (executor.rank() == 0) {
        EXPECT_EQ(echo.rows, numbers);
      }
    }
    if (executor.rank() != 0) return;
    const absl::StatusOr<std::vector<ScheduleRecord>> read =
        ParseSchedules(ScheduleText(recorder.records()));
    MPAIO_ASSERT_OK(read);
    EXPECT_EQ(*read, recorder.records());
    for (std::size_t run = 0; run < 2; ++run) {
      const auto plan_of = [&](const ScheduleRecorder& from) {
        return from.records()[run].PlanFor(executor.size(), executor.orchestrator_works(),
                                           {200, 29});
      };
      MPAIO_ASSERT_OK(plan_of(recorder));
      MPAIO_ASSERT_OK(plan_of(replayed));
      EXPECT_EQ(*plan_of(recorder), *plan_of(replayed));
    }
  });
}

TEST_P(ObserversTest, ProgressIsDrawnAtTheStartAndTheEndOfEachRun) {
  const std::vector<std::int64_t> numbers = Counting(200);
  RunInPool(GetParam(), [&](Executor& executor) {
    std::vector<std::string> lines;
    ProgressOptions progress;
    progress.mode = ProgressMode::kAlways;
    progress.plain_period = absl::Hours(1);
    ProgressObserver observer(progress,
                              [&lines](absl::string_view text) { lines.emplace_back(text); });
    RunOptions options;
    options.observers = {&observer};
    for (int run = 0; run < 2; ++run) {
      Echo echo(InChunks(numbers, 1));
      echo.set_name("echo");
      MPAIO_ASSERT_OK(RunToEnd(executor, {&echo}, options));
    }
    if (executor.rank() != 0) return;
    ASSERT_EQ(lines.size(), 4u);
    for (const std::size_t run : {0u, 1u}) {
      EXPECT_EQ(lines[2 * run].substr(0, 33), "echo [--------------------]   0% ");
      EXPECT_EQ(lines[2 * run + 1].substr(0, 33), "echo [####################] 100% ");
    }
  });
}

TEST_P(ObserversTest, CpuUsageOfSeveralRunsIsAppended) {
  const std::vector<std::int64_t> numbers = Counting(20);
  RunInPool(GetParam(), [&](Executor& executor) {
    CpuUsageObserver usage;
    RunOptions options;
    options.observers = {&usage};
    std::size_t samples = 0;
    for (int run = 0; run < 3; ++run) {
      Echo echo(InChunks(numbers, 1));
      MPAIO_ASSERT_OK(RunToEnd(executor, {&echo}, options));
      if (executor.rank() == 0) {
        EXPECT_GT(usage.usage().samples.size(), samples);
      }
      samples = usage.usage().samples.size();
    }
  });
}

}  // namespace
}  // namespace mpaio
