// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/chunk_runner.h"

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/wire.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/orchestration/batch_sizer.h"
#include "mpaio/orchestration/messages.h"
#include "mpaio/orchestration/run_options.h"
#include "mpaio/worker/worker.h"

namespace mpaio {
namespace {

using std::chrono::hours;
using std::chrono::nanoseconds;
using Clock = std::chrono::steady_clock;

// Returns a string of `bytes` bytes for each chunk, and takes `duration` for it.
class StringWorker : public Worker<std::int64_t, std::string> {
 public:
  using Worker::Worker;
  absl::StatusOr<std::string> Process(const ChunkView<std::int64_t>& chunk) const override {
    if (chunk.id() == crashes_at) _exit(7);
    if (chunk.id() == fails_at) return absl::OutOfRangeError("too large");
    for (const Clock::time_point end = Clock::now() + duration; Clock::now() < end;) {
    }
    return std::string(bytes, static_cast<char>('a' + chunk.id() % 26));
  }
  absl::Status ProcessCallback(const Chunk&, std::string) override { return absl::OkStatus(); }

  std::size_t bytes = 1;
  nanoseconds duration{0};
  ChunkId fails_at = -1;
  ChunkId crashes_at = -1;
};

class ChunkRunnerTest : public testing::Test {
 protected:
  // 2,001 rows in chunks of 2: chunks 0 to 999 have two rows, chunk 1,000 has one.
  ChunkRunnerTest()
      : data_(2001), worker_(Iterate()), other_(Iterate()), runner_({&worker_, &other_}) {}

  DataIterator Iterate() const {
    const NdView array = NdView::Create(data_.data(), DType::Of<std::int64_t>(), {2001}).value();
    return DataIterator::Create(array, Partition::ChunkSize(2)).value();
  }

  // Returns the messages of one step. On a busy machine results may be sent because of their age
  // before a batch is full, so the tests do not expect an exact number of messages.
  std::vector<std::string> Step(nanoseconds slice = hours(1)) {
    std::vector<std::string> messages;
    runner_.Step(slice, &messages);
    return messages;
  }

  std::vector<std::int64_t> data_;
  StringWorker worker_;
  StringWorker other_;
  ChunkRunner runner_;
};

Results ResultsOf(const std::string& message) {
  const absl::StatusOr<AnyMessage> decoded = DecodeMessage(message);
  EXPECT_TRUE(decoded.ok() && std::holds_alternative<Results>(*decoded));
  return std::get<Results>(*decoded);
}

// Returns the chunks of all messages, which must be consecutive Results of `job`.
ChunkRange ChunksOf(const std::vector<std::string>& messages, std::int32_t job) {
  ChunkRange chunks;
  for (const std::string& message : messages) {
    const Results results = ResultsOf(message);
    EXPECT_EQ(results.job, job);
    EXPECT_GT(results.chunks.size(), 0);
    EXPECT_TRUE(chunks.size() == 0 || results.chunks.begin == chunks.end);
    if (chunks.size() == 0) chunks.begin = results.chunks.begin;
    chunks.end = results.chunks.end;
  }
  return chunks;
}

// Returns the number of results in a message, and expects each to be as StringWorker makes it.
Index CountResults(const Results& results, std::size_t bytes) {
  WireReader reader(results.encoded);
  Index count = 0;
  for (absl::string_view encoded; !reader.at_end(); ++count) {
    EXPECT_TRUE(reader.ReadBytes(&encoded));
    const absl::StatusOr<std::string> text = DecodeResult<std::string>(encoded);
    EXPECT_TRUE(text.ok());
    EXPECT_EQ(*text,
              std::string(bytes, static_cast<char>('a' + (results.chunks.begin + count) % 26)));
  }
  return count;
}

TEST_F(ChunkRunnerTest, SmallResultsTravelTogetherAndNeverAcrossAssignments) {
  EXPECT_TRUE(runner_.is_idle());
  runner_.Enqueue({0, 0, {10, 310}});
  runner_.Enqueue({1, 0, {999, 1001}});
  EXPECT_FALSE(runner_.is_idle());
  std::vector<std::string> first = Step();
  EXPECT_TRUE(runner_.is_idle());
  EXPECT_LT(first.size(), 100u);
  std::vector<std::string> second;
  while (!first.empty() && ResultsOf(first.back()).job == 1) {
    second.insert(second.begin(), std::move(first.back()));
    first.pop_back();
  }
  EXPECT_EQ(ChunksOf(first, 0), (ChunkRange{10, 310}));
  EXPECT_EQ(ChunksOf(second, 1), (ChunkRange{999, 1001}));
  for (const std::string& message : first)
    EXPECT_EQ(CountResults(ResultsOf(message), 1), ResultsOf(message).chunks.size());
  for (const std::string& message : second)
    EXPECT_EQ(CountResults(ResultsOf(message), 1), ResultsOf(message).chunks.size());
  EXPECT_EQ(runner_.chunks(), 302);
  EXPECT_EQ(runner_.rows(), 603);  // the last chunk has one row
}

// Results of 10,000 bytes with lengths of 16 bytes: the fourth exceeds 32 KiB.
TEST_F(ChunkRunnerTest, LargeResultsAreSentWhenEnoughHaveGathered) {
  worker_.bytes = 10'000;
  runner_.Enqueue({0, 0, {0, 10}});
  const std::vector<std::string> messages = Step();
  EXPECT_EQ(ChunksOf(messages, 0), (ChunkRange{0, 10}));
  for (const std::string& message : messages) {
    EXPECT_LE(ResultsOf(message).chunks.size(), 4);
    EXPECT_EQ(CountResults(ResultsOf(message), 10'000), ResultsOf(message).chunks.size());
  }
}

TEST_F(ChunkRunnerTest, SlowResultsAreSentWhenTheyHaveAged) {
  worker_.duration = ChunkRunner::kBatchAge;
  runner_.Enqueue({0, 0, {0, 3}});
  const std::vector<std::string> messages = Step();
  ASSERT_EQ(messages.size(), 3u);
  for (const std::string& message : messages) {
    EXPECT_EQ(ResultsOf(message).chunks.size(), 1);
    EXPECT_GE(ResultsOf(message).busy_seconds, 0.005);
  }
  EXPECT_GE(runner_.busy_seconds(), 0.015);
}

// With a slice of zero a step processes one chunk, because each chunk takes longer than
// BatchSizer::kAim. Gathered results are kept for the next step.
TEST_F(ChunkRunnerTest, AStepEndsWithItsSlice) {
  worker_.duration = 5 * BatchSizer::kAim;
  runner_.Enqueue({0, 0, {0, 30}});
  std::vector<std::string> messages;
  for (Index steps = 1; steps <= 30; ++steps) {
    ASSERT_FALSE(runner_.is_idle());
    runner_.Step(nanoseconds(0), &messages);
    EXPECT_EQ(runner_.chunks(), steps);
  }
  EXPECT_TRUE(runner_.is_idle());
  EXPECT_LT(messages.size(), 30u);
  EXPECT_EQ(ChunksOf(messages, 0), (ChunkRange{0, 30}));
  for (const std::string& message : messages)
    EXPECT_EQ(CountResults(ResultsOf(message), 1), ResultsOf(message).chunks.size());
}

TEST_F(ChunkRunnerTest, AStepOfShortChunksIsAtMostOneBatch) {
  runner_.Enqueue({0, 0, {0, 1001}});
  std::vector<std::string> messages;
  while (!runner_.is_idle()) {
    const Index before = runner_.chunks();
    runner_.Step(nanoseconds(0), &messages);
    ASSERT_GT(runner_.chunks(), before);
    ASSERT_LE(runner_.chunks(), before + BatchSizer::kMost);
  }
  EXPECT_EQ(ChunksOf(messages, 0), (ChunkRange{0, 1001}));
}

TEST_F(ChunkRunnerTest, AFailureNamesItsChunkAndEndsEverything) {
  worker_.fails_at = 12;
  runner_.Enqueue({0, 0, {10, 20}});
  runner_.Enqueue({1, 0, {0, 5}});
  const std::vector<std::string> messages = Step();
  ASSERT_FALSE(messages.empty());
  const absl::StatusOr<AnyMessage> decoded = DecodeMessage(messages.back());
  ASSERT_TRUE(decoded.ok() && std::holds_alternative<Failure>(*decoded));
  const Failure& failure = std::get<Failure>(*decoded);
  EXPECT_EQ(failure.job, 0);
  EXPECT_EQ(failure.chunk, 12);
  EXPECT_EQ(failure.status, absl::OutOfRangeError("too large"));
  EXPECT_TRUE(runner_.is_idle());
  EXPECT_EQ(runner_.chunks(), 2);
  // Nothing of the failed assignment gets into the results of the next one.
  runner_.Enqueue({0, 0, {30, 31}});
  const std::vector<std::string> next = Step();
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(ResultsOf(next[0]).chunks, (ChunkRange{30, 31}));
  EXPECT_EQ(CountResults(ResultsOf(next[0]), 1), 1);
}

// Its fourth check fails.
class FailingGuard final : public InputGuard {
 public:
  absl::Status ReadFailure() const override {
    return ++looks < 4 ? absl::OkStatus() : absl::DataLossError("a.npy shrank");
  }
  absl::Status CheckUnchanged() const override { return absl::OkStatus(); }
  mutable Index looks = 0;
};

// The fourth check of the inputs fails: results of the chunks processed before that check and after
// the third one are not sent.
TEST_F(ChunkRunnerTest, NoResultsAreSentIfTheirInputCheckFails) {
  for (const bool is_isolated : {false, true}) {
    ChunkRunner runner({&worker_, &other_});
    if (is_isolated) runner.Isolate(RunOptions(), [] { return false; });
    const auto guard = std::make_shared<FailingGuard>();
    runner.set_input_guards({guard});
    worker_.set_isolated(is_isolated);
    worker_.duration = std::chrono::milliseconds(2);  // so that few chunks are processed at a time
    runner.Enqueue({0, 0, {100, 600}});
    std::vector<std::string> messages;
    while (!runner.is_idle()) runner.Step(hours(1), &messages);
    ASSERT_FALSE(messages.empty());
    const absl::StatusOr<AnyMessage> last = DecodeMessage(messages.back());
    ASSERT_TRUE(last.ok() && std::holds_alternative<Failure>(*last));
    EXPECT_EQ(std::get<Failure>(*last).status.message(), "a.npy shrank");
    messages.pop_back();
    EXPECT_EQ(guard->looks, 4);
    // The chunks processed up to the third check are valid.
    const ChunkRange sent = ChunksOf(messages, 0);
    EXPECT_LE(sent.size(), runner.chunks());
    EXPECT_EQ(std::get<Failure>(*last).chunk, 100 + runner.chunks());
    worker_.set_isolated(false);
  }
}

class BrokenGuard final : public InputGuard {
 public:
  absl::Status ReadFailure() const override { return absl::DataLossError("a.npy shrank"); }
  absl::Status CheckUnchanged() const override { return absl::OkStatus(); }
};

TEST_F(ChunkRunnerTest, AnInputThatCannotBeReadTakesPrecedenceOverAFailedChunk) {
  worker_.fails_at = 12;
  runner_.set_input_guards({std::make_shared<BrokenGuard>()});
  runner_.Enqueue({0, 0, {12, 20}});
  const std::vector<std::string> messages = Step();
  ASSERT_EQ(messages.size(), 1u);
  const absl::StatusOr<AnyMessage> decoded = DecodeMessage(messages[0]);
  ASSERT_TRUE(decoded.ok() && std::holds_alternative<Failure>(*decoded));
  EXPECT_EQ(std::get<Failure>(*decoded).status, absl::DataLossError("a.npy shrank"));
}

TEST_F(ChunkRunnerTest, UnknownJobsAndChunksAreAFailure) {
  for (const Assignment& assignment : {Assignment{2, 0, {0, 1}}, Assignment{-1, 0, {0, 1}},
                                       Assignment{0, 0, {1000, 1002}}, Assignment{0, 0, {-1, 1}}}) {
    runner_.Enqueue(assignment);
    const std::vector<std::string> messages = Step();
    ASSERT_EQ(messages.size(), 1u);
    const absl::StatusOr<AnyMessage> decoded = DecodeMessage(messages[0]);
    ASSERT_TRUE(decoded.ok() && std::holds_alternative<Failure>(*decoded));
    EXPECT_EQ(std::get<Failure>(*decoded).status.code(), absl::StatusCode::kInternal);
    EXPECT_TRUE(runner_.is_idle());
  }
  EXPECT_EQ(runner_.chunks(), 0);
}

// Two ranks of a node, in turns.
TEST_F(ChunkRunnerTest, AnIdleRankStealsTheFarHalfOfUnbegunChunks) {
  std::vector<StealBoard::Row> rows(2);
  const auto board = [&](int rank) {
    return StealBoard(reinterpret_cast<std::byte*>(rows.data()), rank, 2, {1001, 1001});
  };
  worker_.duration = 5 * BatchSizer::kAim;
  ChunkRunner busy({&worker_, &other_}, board(0)), idle({&worker_, &other_}, board(1));
  EXPECT_FALSE(idle.Steal());
  busy.Enqueue({0, 0, {100, 110}}, /*is_shared=*/true);
  std::vector<std::string> of_busy, of_idle;
  busy.Step(nanoseconds(0), &of_busy);
  ASSERT_TRUE(idle.Steal());
  while (!idle.is_idle()) idle.Step(nanoseconds(0), &of_idle);
  EXPECT_EQ(ChunksOf(of_idle, 0), (ChunkRange{105, 110}));
  while (!busy.is_idle()) busy.Step(nanoseconds(0), &of_busy);
  EXPECT_EQ(ChunksOf(of_busy, 0), (ChunkRange{100, 105}));
  EXPECT_EQ(busy.chunks() + idle.chunks(), 10);
  EXPECT_FALSE(idle.Steal());
}

TEST_F(ChunkRunnerTest, UnsharedOrClearedChunksAreNotStolen) {
  std::vector<StealBoard::Row> rows(2);
  const auto board = [&](int rank) {
    return StealBoard(reinterpret_cast<std::byte*>(rows.data()), rank, 2, {1001, 1001});
  };
  ChunkRunner busy({&worker_, &other_}, board(0)), idle({&worker_, &other_}, board(1));
  busy.Enqueue({0, 0, {100, 110}}, /*is_shared=*/false);
  EXPECT_FALSE(idle.Steal());
  busy.Enqueue({1, 0, {200, 210}}, /*is_shared=*/true);
  busy.Clear();
  EXPECT_FALSE(idle.Steal());
  EXPECT_TRUE(busy.is_idle());
}

// All chunks of an assignment are stolen while it is in its owner's queue; the owner continues with
// the next assignment.
TEST_F(ChunkRunnerTest, StolenChunksAreSkipped) {
  std::vector<StealBoard::Row> rows(2);
  const auto board = [&](int rank) {
    return StealBoard(reinterpret_cast<std::byte*>(rows.data()), rank, 2, {1001, 1001});
  };
  ChunkRunner busy({&worker_, &other_}, board(0)), idle({&worker_, &other_}, board(1));
  busy.Enqueue({0, 0, {100, 101}}, /*is_shared=*/true);
  ASSERT_TRUE(idle.Steal());
  busy.Enqueue({1, 0, {7, 9}}, /*is_shared=*/false);
  std::vector<std::string> messages;
  while (!busy.is_idle()) busy.Step(nanoseconds(0), &messages);
  EXPECT_EQ(ChunksOf(messages, 1), (ChunkRange{7, 9}));
}

TEST_F(ChunkRunnerTest, ClearDropsQueuedChunksAndGatheredResults) {
  runner_.Enqueue({0, 0, {0, 10}});
  runner_.Enqueue({1, 0, {0, 10}});
  Step(nanoseconds(0));
  runner_.Clear();
  EXPECT_TRUE(runner_.is_idle());
  runner_.Enqueue({1, 0, {5, 6}});
  const std::vector<std::string> messages = Step();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(ResultsOf(messages[0]).chunks, (ChunkRange{5, 6}));
  EXPECT_EQ(CountResults(ResultsOf(messages[0]), 1), 1);
}

// ---- Isolated chunks ----

// Returns a letter for each chunk: 'r' if the messages have its result, 'c' if they report its
// crash, '-' otherwise.
std::string OutcomesOf(const std::vector<std::string>& messages, Index chunks) {
  std::string outcomes(static_cast<std::size_t>(chunks), '-');
  for (const std::string& message : messages) {
    const absl::StatusOr<AnyMessage> decoded = DecodeMessage(message);
    EXPECT_TRUE(decoded.ok());
    if (const auto* report = std::get_if<ChunkCrash>(&*decoded)) {
      EXPECT_EQ(report->cause, "ended with exit status 7");
      outcomes[static_cast<std::size_t>(report->chunk)] = 'c';
    } else {
      const Results results = ResultsOf(message);
      WireReader reader(results.encoded);
      for (ChunkId chunk = results.chunks.begin; chunk < results.chunks.end; ++chunk) {
        absl::string_view result;
        EXPECT_TRUE(reader.ReadBytes(&result));
        // A string is encoded after its length.
        EXPECT_EQ(result.substr(sizeof(std::uint64_t)),
                  std::string(1, static_cast<char>('a' + chunk % 26)));
        outcomes[static_cast<std::size_t>(chunk)] = 'r';
      }
      EXPECT_TRUE(reader.at_end());
    }
  }
  return outcomes;
}

TEST_F(ChunkRunnerTest, ACrashIsReportedAndTheOtherChunksAreDone) {
  for (const ChunkId crashes_at : {0, 1, 25, 48, 49}) {
    StringWorker worker(Iterate());
    worker.crashes_at = crashes_at;
    worker.set_isolated(true);
    ChunkRunner runner({&worker});
    runner.Isolate({}, nullptr);
    runner.Enqueue({0, 0, {0, 50}});
    std::vector<std::string> messages;
    while (!runner.is_idle()) runner.Step(hours(1), &messages);
    std::string expected(50, 'r');
    expected[static_cast<std::size_t>(crashes_at)] = 'c';
    EXPECT_EQ(OutcomesOf(messages, 50), expected);
    EXPECT_EQ(runner.chunks(), 49);
  }
}

TEST_F(ChunkRunnerTest, RetriesAreIsolated) {
  worker_.crashes_at = 3;
  runner_.Isolate({}, nullptr);
  runner_.Enqueue({0, 1, {3, 4}});
  std::vector<std::string> messages;
  runner_.Step(hours(1), &messages);
  EXPECT_EQ(OutcomesOf(messages, 4), "---c");
  EXPECT_TRUE(runner_.is_idle());
}

TEST_F(ChunkRunnerTest, IsolatedChunksAreAbandonedWithTheRun) {
  worker_.duration = hours(1);
  worker_.set_isolated(true);
  int asked = 0;
  runner_.Isolate({}, [&] {
    // Assignments may arrive meanwhile.
    runner_.Enqueue({1, 0, {0, 1}});
    return ++asked == 2;
  });
  runner_.Enqueue({0, 0, {0, 10}});
  std::vector<std::string> messages;
  runner_.Step(hours(1), &messages);
  EXPECT_TRUE(messages.empty());
  EXPECT_TRUE(runner_.is_idle());
  EXPECT_EQ(asked, 2);
}

TEST_F(ChunkRunnerTest, AnOverrunIsACrash) {
  worker_.duration = hours(1);
  worker_.set_isolated(true);
  RunOptions options;
  options.chunk_deadline = absl::Milliseconds(20);
  runner_.Isolate(options, nullptr);
  runner_.Enqueue({0, 0, {5, 6}});
  std::vector<std::string> messages;
  runner_.Step(hours(1), &messages);
  ASSERT_EQ(messages.size(), 1u);
  const absl::StatusOr<AnyMessage> decoded = DecodeMessage(messages[0]);
  ASSERT_TRUE(decoded.ok() && std::holds_alternative<ChunkCrash>(*decoded));
  EXPECT_EQ(std::get<ChunkCrash>(*decoded).cause, "took longer than 0.02 s and was ended");
}

}  // namespace
}  // namespace mpaio
