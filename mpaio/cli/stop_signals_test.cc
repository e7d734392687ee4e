// SPDX-License-Identifier: Apache-2.0
#include "mpaio/cli/stop_signals.h"

#include <signal.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "mpaio/executor/inline_executor.h"
#include "mpaio/jobs/plan.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

// Sends this process a signal in its tenth chunk.
class Stopped final : public Worker<std::int64_t, std::int64_t> {
 public:
  using Worker::Worker;
  absl::StatusOr<std::int64_t> Process(const ChunkView<std::int64_t>& chunk) const override {
    if (chunk.id() == 10) raise(SIGTERM);
    return chunk.elements()[0];
  }
  absl::Status ProcessCallback(const Chunk&, std::int64_t) override { return absl::OkStatus(); }
};

const bool kIsRegistered = RegisterWorker(
    "stopped", {.summary = "is stopped",
                .accepts = {AcceptedType::Of<std::int64_t>()},
                .make = [](JobContext& context) -> absl::StatusOr<Job> {
                  return Job{.worker = std::make_unique<Stopped>(std::move(context.chunks)),
                             .result = [] { return Answer("stopped"); }};
                }});

// The signal that was received stays so until the process ends, so there is one test.
TEST(StopSignals, TheFirstSignalCancelsTheRunAndTheSecondEndsTheProcess) {
  ASSERT_TRUE(kIsRegistered);
  const std::vector<std::int64_t> numbers(10'000, 1);
  const std::unique_ptr<Executor> executor = MakeInlineExecutor();
  JobOptions options;
  options.partition = Partition::ChunkSize(1);
  JobRun run(*executor, PlanJobs({{"stopped", "x"}}).value(), options);
  MPAIO_ASSERT_OK(run.AddArray(
      "x", NdView::Create(numbers.data(), DType::Of<std::int64_t>(), {10'000}).value()));
  MPAIO_ASSERT_OK(run.Prepare());
  struct sigaction before = {};
  sigaction(SIGTERM, nullptr, &before);
  {
    const StopSignals stop_signals(/*is_handled=*/true);
    EXPECT_EQ(StopSignals::received(), 0);
    StopSignals::set_run(&run);
    EXPECT_EQ(run.Run().code(), absl::StatusCode::kCancelled);
    StopSignals::set_run(nullptr);
    EXPECT_EQ(StopSignals::received(), SIGTERM);
    EXPECT_TRUE(run.was_cancelled());
    EXPECT_LT(run.outcomes()[0].stats.chunks_done, 10'000);
    EXPECT_EXIT(raise(SIGINT), ::testing::KilledBySignal(SIGINT), "");
  }
  struct sigaction after = {};
  sigaction(SIGTERM, nullptr, &after);
  EXPECT_EQ(after.sa_handler, before.sa_handler);
}

}  // namespace
}  // namespace mpaio
