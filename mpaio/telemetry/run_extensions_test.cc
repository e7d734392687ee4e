// SPDX-License-Identifier: Apache-2.0
#include "mpaio/telemetry/run_extensions.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "mpaio/executor/thread_ranks.h"
#include "mpaio/host/text_file.h"
#include "mpaio/jobs/job_run.h"
#include "mpaio/jobs/plan.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

constexpr absl::StatusCode kInvalidArgument = absl::StatusCode::kInvalidArgument;

class Adder final : public Worker<std::int64_t, std::int64_t> {
 public:
  using Worker::Worker;
  absl::StatusOr<std::int64_t> Process(const ChunkView<std::int64_t>& chunk) const override {
    const auto elements = chunk.elements();
    return std::accumulate(elements.begin(), elements.end(), std::int64_t{0});
  }
  absl::Status ProcessCallback(const Chunk&, std::int64_t sum) override {
    total_ += sum;
    return absl::OkStatus();
  }
  std::int64_t total() const { return total_; }

 private:
  std::int64_t total_ = 0;
};

const bool kIsRegistered =
    RegisterWorker("adder", {.summary = "adds",
                             .accepts = {AcceptedType::Of<std::int64_t>()},
                             .make = [](JobContext& context) -> absl::StatusOr<Job> {
                               auto worker = std::make_unique<Adder>(std::move(context.chunks));
                               const Adder* adder = worker.get();
                               return Job{.worker = std::move(worker),
                                          .result = [adder] { return Answer(adder->total()); }};
                             }});

// Runs a sum of 1000 numbers on `ranks` threads with an extension that `make` makes for each rank,
// and returns the status of rank 0.
absl::Status RunSum(int ranks, const std::function<std::unique_ptr<RunExtension>()>& make) {
  static const std::vector<std::int64_t> numbers(1000, 1);
  absl::Status status_of_rank_0;
  RunOnThreads(ranks, {}, [&](Executor& executor) {
    const std::unique_ptr<RunExtension> extension = make();
    JobOptions options;
    options.partition = Partition::ChunkSize(10);
    options.extensions = {extension.get()};
    JobRun run(executor, PlanJobs({{"adder", "x"}}).value(), options);
    absl::Status status = run.AddArray(
        "x", NdView::Create(numbers.data(), DType::Of<std::int64_t>(), {1000}).value());
    if (status.ok()) status = run.Prepare();
    if (status.ok()) status = run.Run();
    if (executor.rank() == 0) status_of_rank_0 = status;
  });
  return status_of_rank_0;
}

TEST(ScheduleFiles, ReplaysWhatItRecorded) {
  ASSERT_TRUE(kIsRegistered);
  const TempDirectory directory;
  const std::string first = directory.File("first"), second = directory.File("second");
  MPAIO_ASSERT_OK(
      RunSum(3, [&] { return std::make_unique<ScheduleFiles>(ScheduleKind::kAuto, first, ""); }));
  MPAIO_ASSERT_OK(RunSum(
      3, [&] { return std::make_unique<ScheduleFiles>(ScheduleKind::kAuto, second, first); }));
  const auto recorded = ParseSchedules(ReadTextFile(first, "it").value());
  const auto replayed = ParseSchedules(ReadTextFile(second, "it").value());
  ASSERT_THAT(recorded, IsOk());
  ASSERT_THAT(replayed, IsOk());
  ASSERT_EQ(recorded->size(), 1u);
  const auto chunks_of = [](const ScheduleRecord& record, int rank) {
    std::vector<Index> chunks;
    for (const ScheduleRecord::Entry& entry : record.entries) {
      for (Index chunk = entry.chunks.begin; entry.rank == rank && chunk < entry.chunks.end;
           ++chunk)
        chunks.push_back(chunk);
    }
    return chunks;
  };
  for (int rank = 0; rank < 3; ++rank)
    EXPECT_EQ(chunks_of(recorded->front(), rank), chunks_of(replayed->front(), rank)) << rank;
}

TEST(ScheduleFiles, RefusesWhatDoesNotFit) {
  const TempDirectory directory;
  const std::string file = directory.File("schedule"), twice = directory.File("twice");
  MPAIO_ASSERT_OK(
      RunSum(3, [&] { return std::make_unique<ScheduleFiles>(ScheduleKind::kAuto, file, ""); }));
  EXPECT_THAT(
      RunSum(2, [&] { return std::make_unique<ScheduleFiles>(ScheduleKind::kAuto, "", file); }),
      StatusIs(kInvalidArgument, "3 ranks"));
  const auto records = ParseSchedules(ReadTextFile(file, "it").value());
  MPAIO_ASSERT_OK(WriteTextFile(twice, ScheduleText({records->front(), records->front()}), "it"));
  EXPECT_THAT(
      RunSum(3, [&] { return std::make_unique<ScheduleFiles>(ScheduleKind::kAuto, "", twice); }),
      StatusIs(kInvalidArgument, "has the schedules of 2 runs, and this command took 1"));
  EXPECT_THAT(RunSum(3,
                     [&] {
                       return std::make_unique<ScheduleFiles>(ScheduleKind::kAuto, "",
                                                              directory.File("gone"));
                     }),
              StatusIs(absl::StatusCode::kNotFound, "gone"));
  EXPECT_FALSE(RunSum(3, [&] {
                 return std::make_unique<ScheduleFiles>(ScheduleKind::kAuto,
                                                        directory.File("no/folder"), "");
               }).ok());
}

TEST(ScheduleFiles, ChoosesAScheduleOfTheLiterature) {
  MPAIO_EXPECT_OK(
      RunSum(3, [] { return std::make_unique<ScheduleFiles>(ScheduleKind::kGuided, "", ""); }));
}

TEST(CpuUsageFile, HasALineForEachSample) {
  const TempDirectory directory;
  const std::string file = directory.File("usage.csv");
  MPAIO_ASSERT_OK(RunSum(2, [&] { return std::make_unique<CpuUsageFile>(file); }));
  const absl::StatusOr<std::string> text = ReadTextFile(file, "it");
  ASSERT_THAT(text, IsOk());
  EXPECT_TRUE(absl::StartsWith(*text, "seconds,core_0")) << *text;
  EXPECT_FALSE(
      RunSum(2, [&] { return std::make_unique<CpuUsageFile>(directory.File("no/folder")); }).ok());
}

TEST(ProgressDisplay, ShowsTheEnd) {
  std::string shown;
  ProgressOptions options;
  options.mode = ProgressMode::kAlways;
  MPAIO_ASSERT_OK(RunSum(1, [&] {
    return std::make_unique<ProgressDisplay>(
        options, [&](absl::string_view text) { shown.append(text.data(), text.size()); });
  }));
  EXPECT_TRUE(absl::StrContains(shown, "adder")) << shown;
  EXPECT_TRUE(absl::StrContains(shown, "100%")) << shown;
}

}  // namespace
}  // namespace mpaio
