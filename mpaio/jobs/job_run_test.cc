// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/job_run.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/executor/inline_executor.h"
#include "mpaio/executor/thread_pool.h"
#include "mpaio/executor/thread_ranks.h"
#include "mpaio/format/array_file.h"
#include "mpaio/format/npy_writer.h"
#include "mpaio/host/text_file.h"
#include "mpaio/jobs/plan.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"
#include "mpaio/window/shared_array.h"

namespace mpaio {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr absl::StatusCode kInvalidArgument = absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
constexpr absl::StatusCode kCancelled = absl::StatusCode::kCancelled;

// How many chunks all ranks have processed, in all runs of a test.
std::atomic<int> chunks_processed = 0;
// The row at which Process fails; -1: at none.
std::atomic<Index> failing_row = -1;
// Called before each chunk.
std::function<void(RowRange)> before_chunk;

// Adds up the rows.
class Adder final : public Worker<std::int64_t, std::int64_t> {
 public:
  using Worker::Worker;
  absl::StatusOr<std::int64_t> Process(const ChunkView<std::int64_t>& chunk) const override {
    ++chunks_processed;
    if (before_chunk) before_chunk(chunk.rows());
    if (chunk.rows().begin <= failing_row && failing_row < chunk.rows().end)
      return absl::InvalidArgumentError("this row is bad");
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

// Writes each row, doubled.
class Doubler final : public Worker<std::int64_t, WrittenRows> {
 public:
  Doubler(DataIterator chunks, OutputArray output)
      : Worker(std::move(chunks)), output_(std::move(output)) {}
  absl::StatusOr<WrittenRows> Process(const ChunkView<std::int64_t>& chunk) const override {
    const auto elements = chunk.elements();
    std::transform(elements.begin(), elements.end(),
                   output_.Rows<std::int64_t>(chunk.rows()).begin(),
                   [](std::int64_t element) { return 2 * element; });
    return output_.Finish(chunk.rows());
  }
  absl::Status ProcessCallback(const Chunk& chunk, WrittenRows written) override {
    return output_.Accept(chunk.rows, written);
  }
  const NdView& output() const { return output_.view(); }

 private:
  OutputArray output_;
};

// Fails with the status of a cancelled run.
class Quitter final : public Worker<std::int64_t, std::int64_t> {
 public:
  using Worker::Worker;
  absl::StatusOr<std::int64_t> Process(const ChunkView<std::int64_t>&) const override {
    return absl::CancelledError("no longer wanted");
  }
  absl::Status ProcessCallback(const Chunk&, std::int64_t) override { return absl::OkStatus(); }
};

// Ends the process that runs chunk 3.
class Crasher final : public Worker<std::int64_t, std::int64_t> {
 public:
  using Worker::Worker;
  absl::StatusOr<std::int64_t> Process(const ChunkView<std::int64_t>& chunk) const override {
    if (chunk.id() == 3) std::_Exit(1);
    return 0;
  }
  absl::Status ProcessCallback(const Chunk&, std::int64_t) override { return absl::OkStatus(); }
};

absl::StatusOr<Job> MakeAdder(JobContext& context) {
  auto worker = std::make_unique<Adder>(std::move(context.chunks));
  const Adder* adder = worker.get();
  return Job{.worker = std::move(worker), .result = [adder] { return Answer(adder->total()); }};
}

// The sum of the first pass, then the number of its passes: a job of three passes.
absl::StatusOr<Job> MakeRepeated(JobContext& context) {
  struct State {
    DataIterator chunks;
    Adder* adder = nullptr;
    std::string plans = {};
  };
  auto state = std::make_shared<State>(State{context.chunks});
  auto worker = std::make_unique<Adder>(context.chunks);
  state->adder = worker.get();
  Job job;
  job.worker = std::move(worker);
  job.next_pass = [state]() -> absl::StatusOr<std::optional<NextPass>> {
    if (state->plans.size() >= 2) return std::nullopt;
    return NextPass{absl::StrCat(state->plans, "x")};
  };
  job.begin_pass = [state](absl::string_view plan) -> absl::StatusOr<std::unique_ptr<WorkerBase>> {
    state->plans = std::string(plan);
    auto next = std::make_unique<Adder>(state->chunks);
    state->adder = next.get();
    return next;
  };
  job.result = [state]() -> absl::StatusOr<Answer> {
    return Answer{{"sum", state->adder->total()}, {"plans", state->plans}};
  };
  return job;
}

absl::StatusOr<Job> MakeDoubler(JobContext& context) {
  auto worker = std::make_unique<Doubler>(std::move(context.chunks), std::move(context.output));
  const Doubler* doubler = worker.get();
  return Job{.worker = std::move(worker),
             .output = [doubler]() -> const NdView& { return doubler->output(); }};
}

const bool kRegistered[] = {
    RegisterWorker(
        "adder",
        {.summary = "adds", .accepts = {AcceptedType::Of<std::int64_t>()}, .make = MakeAdder}),
    RegisterWorker("repeated", {.summary = "adds three times",
                                .accepts = {AcceptedType::Of<std::int64_t>()},
                                .make = MakeRepeated}),
    RegisterWorker("doubler", {.summary = "doubles",
                               .accepts = {AcceptedType::Of<std::int64_t>()},
                               .output =
                                   [](const JobInputs& inputs) {
                                     return OutputSpec{inputs.array.dtype(), inputs.array.shape()};
                                   },
                               .streams_output = true,
                               .make = MakeDoubler}),
    RegisterWorker("crashes", {.summary = "ends its process",
                               .accepts = {AcceptedType::Of<std::int64_t>()},
                               .make = [](JobContext& context) -> absl::StatusOr<Job> {
                                 return Job{
                                     .worker = std::make_unique<Crasher>(std::move(context.chunks)),
                                     .result = [] { return Answer("never"); }};
                               }}),
    RegisterWorker("gives_up",
                   {.summary = "gives up",
                    .accepts = {AcceptedType::Of<std::int64_t>()},
                    .make = [](JobContext& context) -> absl::StatusOr<Job> {
                      return Job{.worker = std::make_unique<Quitter>(std::move(context.chunks)),
                                 .result = [] { return Answer("never"); }};
                    }}),
    RegisterWorker("throws", {.summary = "throws when it is made",
                              .accepts = {AcceptedType::Of<std::int64_t>()},
                              .make = [](JobContext&) -> absl::StatusOr<Job> {
                                throw std::runtime_error("no worker today");
                              }}),
};

std::vector<std::int64_t> Numbers(Index count) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), std::int64_t{1});
  return numbers;
}

NdView ViewOf(const std::vector<std::int64_t>& numbers) {
  return NdView::Create(numbers.data(), DType::Of<std::int64_t>(),
                        {static_cast<Index>(numbers.size())})
      .value();
}

std::vector<std::int64_t> ElementsIn(const NdView& view) {
  const auto* first = reinterpret_cast<const std::int64_t*>(view.data());
  return {first, first + view.num_elements()};
}

std::int64_t IntegerOf(const AnswerValue* value) {
  return *reinterpret_cast<const std::int64_t*>(value->array()->view().data());
}

// The parameter is the number of ranks: 1 is an inline executor, more are threads that behave like
// processes, and kThreadPool is a thread pool.
constexpr int kThreadPool = 0;

class JobRunTest : public ::testing::TestWithParam<int> {
 protected:
  JobRunTest() {
    chunks_processed = 0;
    failing_row = -1;
    before_chunk = nullptr;
  }

  std::string Path(const std::string& name) const { return directory_.File(name); }
  std::string WriteNumbers(const std::string& name, Index count) const {
    EXPECT_TRUE(WriteNpy(Path(name), ViewOf(Numbers(count))).ok());
    return Path(name);
  }
  // Calls `body` on every rank.
  static void OnAllRanks(const std::function<void(Executor&)>& body) {
    if (GetParam() == 1) {
      const std::unique_ptr<Executor> executor = MakeInlineExecutor();
      body(*executor);
    } else if (GetParam() == kThreadPool) {
      const absl::StatusOr<std::unique_ptr<Executor>> pool = MakeThreadPool({.threads = 3});
      ASSERT_THAT(pool, IsOk());
      body(**pool);
    } else {
      RunOnThreads(GetParam(), {}, body);
    }
  }
  // Prepares and runs `jobs`, and calls `check` on rank 0 with the status.
  static void RunJobs(const std::vector<JobSpec>& jobs, const JobOptions& options,
                      const std::function<void(JobRun&, const absl::Status&)>& check) {
    OnAllRanks([&](Executor& executor) {
      absl::StatusOr<std::vector<PlannedJob>> plan = PlanJobs(jobs);
      ASSERT_THAT(plan, IsOk());
      JobRun run(executor, *std::move(plan), options);
      absl::Status status = run.Prepare();
      if (status.ok()) status = run.Run();
      if (executor.rank() == 0) check(run, status);
    });
  }

  TempDirectory directory_;
};

INSTANTIATE_TEST_SUITE_P(Ranks, JobRunTest, ::testing::Values(1, 3, kThreadPool));

TEST_P(JobRunTest, GivesTypedAnswers) {
  const std::string input = WriteNumbers("a.npy", 1000);
  RunJobs({{"adder", input, "", {}}, {"repeated", input, "", {}}}, {},
          [](JobRun& run, const absl::Status& status) {
            MPAIO_ASSERT_OK(status);
            ASSERT_EQ(run.outcomes().size(), 2u);
            MPAIO_EXPECT_OK(run.outcomes()[0].status);
            EXPECT_EQ(IntegerOf(run.outcomes()[0].answer.Find("")), 500500);
            EXPECT_EQ(IntegerOf(run.outcomes()[1].answer.Find("sum")), 500500);
            EXPECT_EQ(*run.outcomes()[1].answer.Find("plans")->text(), "xx");
            EXPECT_EQ(run.outcomes()[0].stats.rows, 1000);
          });
}

TEST_P(JobRunTest, ArraysInMemoryNeedNoFile) {
  OnAllRanks([](Executor& executor) {
    absl::StatusOr<SharedArray> array =
        SharedArray::Create(executor, DType::Of<std::int64_t>(), {500});
    ASSERT_THAT(array, IsOk());
    if (executor.node_rank() == 0) {
      auto* first = reinterpret_cast<std::int64_t*>(array->mutable_view().mutable_data());
      std::iota(first, first + 500, std::int64_t{1});
    }
    MPAIO_ASSERT_OK(array->Seal(executor));
    JobRun run(executor, PlanJobs({{"doubler", "x", "", {}}, {"adder", "x", "", {}}}).value());
    MPAIO_ASSERT_OK(run.AddArray("x", array->view()));
    MPAIO_ASSERT_OK(run.Prepare());
    MPAIO_ASSERT_OK(run.Run());
    if (executor.rank() != 0) return;
    const absl::StatusOr<NdView> doubled = run.outcomes()[0].Array();
    ASSERT_THAT(doubled, IsOk());
    std::vector<std::int64_t> expected = Numbers(500);
    for (std::int64_t& number : expected) number *= 2;
    EXPECT_EQ(ElementsIn(*doubled), expected);
    EXPECT_EQ(ElementsIn(*run.outcomes()[1].Array()), std::vector<std::int64_t>{125250});
  });
}

TEST_P(JobRunTest, SavesAllOutputsOrNone) {
  const std::string input = WriteNumbers("a.npy", 1000);
  const std::string output = WriteNumbers("out.npy", 3);
  RunJobs({{"doubler", input, output, {}}}, {}, [&](JobRun& run, const absl::Status& status) {
    MPAIO_ASSERT_OK(status);
    EXPECT_EQ(ArrayFile::Open(output)->shape(), std::vector<Index>{1000});
    EXPECT_FALSE(run.outcomes()[0].output.has_value());
    EXPECT_EQ(*run.outcomes()[0].answer.Find("dtype")->text(), "<i8");
    EXPECT_THAT(run.outcomes()[0].Array(), StatusIs(absl::StatusCode::kNotFound));
  });
  const std::string kept = WriteNumbers("kept.npy", 3);
  failing_row = 700;
  RunJobs({{"doubler", input, kept, {}}, {"adder", input, "", {}}}, {},
          [&](JobRun& run, const absl::Status& status) {
            EXPECT_THAT(status, StatusIs(kInvalidArgument, "this row is bad"));
            EXPECT_FALSE(run.outcomes()[0].status.ok());
            EXPECT_THAT(run.outcomes()[1].status, StatusIs(kInvalidArgument, "this row is bad"));
            EXPECT_EQ(ArrayFile::Open(kept)->shape(), std::vector<Index>{3});
          });
}

TEST_P(JobRunTest, ResumesFromItsJournal) {
  const std::string input = WriteNumbers("a.npy", 100);
  JobOptions options;
  options.partition = Partition::ChunkSize(1);
  options.journal_file = Path("journal");
  failing_row = 90;
  RunJobs({{"adder", input, "", {}}}, options, [](JobRun&, const absl::Status& status) {
    EXPECT_THAT(status, StatusIs(kInvalidArgument, "go on with --resume"));
  });
  failing_row = -1;
  chunks_processed = 0;
  options.resumes = true;
  RunJobs({{"adder", input, "", {}}}, options, [](JobRun& run, const absl::Status& status) {
    MPAIO_ASSERT_OK(status);
    EXPECT_EQ(IntegerOf(run.outcomes()[0].answer.Find("")), 5050);
    EXPECT_EQ(run.outcomes()[0].stats.chunks_resumed + chunks_processed, 100);
    EXPECT_GT(run.outcomes()[0].stats.chunks_resumed, 0);
  });
  WriteNumbers("a.npy", 101);
  RunJobs({{"adder", input, "", {}}}, options, [](JobRun& run, const absl::Status& status) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, "has changed"));
    EXPECT_FALSE(run.has_begun());
  });
}

TEST_P(JobRunTest, RefusesAJournalOfArraysInMemory) {
  const std::vector<std::int64_t> numbers = Numbers(10);
  OnAllRanks([&](Executor& executor) {
    JobOptions options;
    options.journal_file = Path("journal");
    JobRun run(executor, PlanJobs({{"adder", "x", "", {}}}).value(), options);
    MPAIO_ASSERT_OK(run.AddArray("x", ViewOf(numbers)));
    EXPECT_THAT(run.AddArray("x", ViewOf(numbers)), StatusIs(kInvalidArgument, "two arrays"));
    EXPECT_THAT(run.Prepare(), StatusIs(kInvalidArgument, "x is in memory"));
  });
}

TEST_P(JobRunTest, AChangedInputIsAnErrorOfItsJobs) {
  const std::string input = WriteNumbers("a.npy", 100'000);
  const std::string other = WriteNumbers("b.npy", 100);
  JobOptions options;
  options.source = Source::kMap;
  std::atomic<bool> is_first = true;
  before_chunk = [&](RowRange) {
    if (!is_first.exchange(false)) return;
    const auto written = std::filesystem::last_write_time(input);
    std::filesystem::last_write_time(input, written + std::chrono::seconds(5));
  };
  RunJobs({{"adder", input, "", {}}, {"adder", other, "", {}}}, options,
          [](JobRun& run, const absl::Status& status) {
            EXPECT_THAT(status, StatusIs(kDataLoss, "a.npy"));
            EXPECT_THAT(run.outcomes()[0].status, StatusIs(kDataLoss, "a.npy"));
            MPAIO_EXPECT_OK(run.outcomes()[1].status);
          });
}

TEST_P(JobRunTest, CancelledRunsGiveTheFirstRows) {
  const std::string input = WriteNumbers("a.npy", 1000);
  OnAllRanks([&](Executor& executor) {
    JobOptions options;
    options.partition = Partition::ChunkSize(10);
    options.cancel_reason = [] { return std::string("stopped by a test"); };
    JobRun run(executor, PlanJobs({{"adder", input, "", {}}}).value(), options);
    MPAIO_ASSERT_OK(run.Prepare());
    if (executor.rank() == 0) run.Cancel();
    const absl::Status status = run.Run();
    EXPECT_EQ(status.code(), kCancelled);
    if (executor.rank() != 0) return;
    EXPECT_THAT(status, StatusIs(kCancelled, "stopped by a test: "));
    EXPECT_THAT(status, StatusIs(kCancelled, " of 100 chunks were processed"));
    EXPECT_TRUE(run.was_cancelled());
    EXPECT_THAT(run.outcomes()[0].status, StatusIs(kCancelled, "not finished"));
    if (run.outcomes()[0].stats.chunks_delivered > 0) {
      ASSERT_TRUE(run.outcomes()[0].partial.has_value());
      const Index rows = run.outcomes()[0].partial->rows;
      EXPECT_EQ(IntegerOf(run.outcomes()[0].partial->answer.Find("")), rows * (rows + 1) / 2);
    }
  });
}

TEST_P(JobRunTest, RefusesBeforeItReads) {
  const std::string input = WriteNumbers("a.npy", 10);
  const auto refused = [](const std::string& why) {
    return [why](JobRun& run, const absl::Status& status) {
      EXPECT_THAT(status, StatusIs(status.code(), why));
      EXPECT_FALSE(run.has_begun());
      EXPECT_EQ(chunks_processed, 0);
    };
  };
  RunJobs({{"throws", input, "", {}}}, {}, refused("no worker today"));
  RunJobs({{"adder", Path("gone.npy"), "", {}}}, {}, refused("gone.npy"));
  RunJobs({{"doubler", input, Path("no/such/folder.npy"), {}}}, {}, refused("folder.npy"));
}

TEST_P(JobRunTest, EmptiesTheJournalOfAChangedInput) {
  const std::string input = WriteNumbers("a.npy", 100);
  JobOptions options;
  options.partition = Partition::ChunkSize(10);
  options.source = Source::kMap;
  options.journal_file = Path("journal");
  std::atomic<bool> is_first = true;
  before_chunk = [&](RowRange) {
    if (!is_first.exchange(false)) return;
    const auto written = std::filesystem::last_write_time(input);
    std::filesystem::last_write_time(input, written + std::chrono::seconds(5));
  };
  RunJobs({{"adder", input}}, options, [](JobRun&, const absl::Status& status) {
    EXPECT_THAT(status, StatusIs(kDataLoss, "was emptied"));
  });
  before_chunk = nullptr;
  options.resumes = true;
  RunJobs({{"adder", input}}, options, [](JobRun& run, const absl::Status& status) {
    EXPECT_THAT(status, StatusIs(kDataLoss, "is empty, so nothing has been done"));
    EXPECT_FALSE(run.has_begun());
  });
}

// A quarantined chunk fails its own job alone. Only a pool of processes can do without a chunk.
TEST(JobRunQuarantineTest, OtherJobsAreSaved) {
  before_chunk = nullptr;
  failing_row = -1;
  const TempDirectory directory;
  const std::string input = directory.File("a.npy"), output = directory.File("out.npy");
  MPAIO_ASSERT_OK(WriteNpy(input, ViewOf(Numbers(100))));
  const std::unique_ptr<Executor> executor = MakeInlineExecutor();
  JobOptions options;
  options.partition = Partition::ChunkSize(10);
  options.isolate = Isolate::kAlways;
  options.retries = 1;
  JobRun run(*executor, PlanJobs({{"crashes", input}, {"doubler", input, output}}).value(),
             options);
  MPAIO_ASSERT_OK(run.Prepare());
  EXPECT_EQ(run.Run().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(run.outcomes()[0].status,
              StatusIs(absl::StatusCode::kAborted, "1 of 10 chunks was quarantined"));
  ASSERT_EQ(run.outcomes()[0].quarantined.size(), 1u);
  EXPECT_EQ(run.outcomes()[0].quarantined[0].chunk, 3);
  EXPECT_EQ(run.outcomes()[0].quarantined[0].attempts, 2);
  MPAIO_EXPECT_OK(run.outcomes()[1].status);
  EXPECT_EQ(ArrayFile::Open(output)->shape(), std::vector<Index>{100});
}

TEST_P(JobRunTest, IsUsedOnceAndInOrder) {
  const std::string input = WriteNumbers("a.npy", 10);
  OnAllRanks([&](Executor& executor) {
    JobRun run(executor, PlanJobs({{"adder", input}}).value());
    EXPECT_THAT(run.Run(), StatusIs(absl::StatusCode::kFailedPrecondition, "after Prepare"));
    JobRun other(executor, PlanJobs({{"adder", input}}).value());
    MPAIO_ASSERT_OK(other.Prepare());
    EXPECT_THAT(other.Prepare(), StatusIs(absl::StatusCode::kFailedPrecondition, "once"));
    EXPECT_THAT(other.AddArray("x", NdView()),
                StatusIs(absl::StatusCode::kFailedPrecondition, "before Prepare"));
  });
}

TEST_P(JobRunTest, ChecksTheFilesOfJobs) {
  const std::string input = WriteNumbers("a.npy", 10);
  const std::string output = Path("out.npy");
  RunJobs({{"doubler", input, output}, {"doubler", input, output}}, {},
          [](JobRun& run, const absl::Status& status) {
            EXPECT_THAT(status, StatusIs(kInvalidArgument, "is the output of two jobs"));
            EXPECT_FALSE(run.has_begun());
          });
  JobOptions options;
  options.resumes = true;
  RunJobs({{"adder", input}}, options, [](JobRun&, const absl::Status& status) {
    EXPECT_THAT(status, StatusIs(kInvalidArgument, "from a journal"));
  });
}

// Only Cancel cancels.
TEST_P(JobRunTest, AWorkerMayReturnCancelled) {
  const std::string input = WriteNumbers("a.npy", 10);
  RunJobs({{"gives_up", input}}, {}, [](JobRun& run, const absl::Status& status) {
    EXPECT_THAT(status, StatusIs(kCancelled, "no longer wanted"));
    EXPECT_FALSE(run.was_cancelled());
    EXPECT_FALSE(run.outcomes()[0].partial.has_value());
  });
}

// Writes down the calls.
class Diary final : public RunExtension {
 public:
  absl::Status Open() override { return Write("open"); }
  absl::Status Check() override { return Write("check"); }
  absl::Status BeginPass(int pass, const std::vector<WorkerBase*>& workers, RunOptions&) override {
    return Write(absl::StrCat("pass ", pass, " of ", workers.size()));
  }
  absl::Status EndPasses(int num_passes) override {
    return Write(absl::StrCat("end ", num_passes));
  }
  absl::Status Finish(const absl::Status& status) override {
    return Write(absl::StrCat("finish ", status.ok()));
  }

  std::vector<std::string> calls;
  std::string failing;

 private:
  absl::Status Write(const std::string& call) {
    calls.push_back(call);
    return call == failing ? absl::ResourceExhaustedError("no ink") : absl::OkStatus();
  }
};

TEST_P(JobRunTest, ExtensionsFollowTheRun) {
  const std::string input = WriteNumbers("a.npy", 100);
  const std::string output = Path("out.npy");
  Diary diary;
  JobOptions options;
  options.extensions = {&diary};
  RunJobs({{"repeated", input, "", {}}}, options, [&](JobRun&, const absl::Status& status) {
    MPAIO_EXPECT_OK(status);
    EXPECT_THAT(diary.calls, ElementsAre("open", "check", "pass 0 of 1", "pass 1 of 1",
                                         "pass 2 of 1", "end 3", "finish 1"));
  });
  for (const char* call : {"open", "check", "pass 0 of 1", "end 1"}) {
    diary.failing = call;
    RunJobs({{"doubler", input, output, {}}}, options, [&](JobRun&, const absl::Status& status) {
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, "no ink")) << call;
      EXPECT_FALSE(std::filesystem::exists(output)) << call;
    });
  }
}

}  // namespace
}  // namespace mpaio
