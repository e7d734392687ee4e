#include "mpaio/orchestration/performer.h"

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
#include "mpaio/orchestration/messages.h"
#include "mpaio/worker/worker.h"

namespace mpaio {
namespace {

using std::chrono::hours;
using std::chrono::nanoseconds;
using Clock = std::chrono::steady_clock;

// Gives a string of so many bytes for each chunk, and takes so long over it.
class StringWorker : public Worker<std::int64_t, std::string> {
 public:
  using Worker::Worker;
  absl::StatusOr<std::string> Process(const ChunkView<std::int64_t>& chunk) const override {
    if (chunk.id() == fails_at) return absl::OutOfRangeError("too large");
    for (const Clock::time_point end = Clock::now() + duration; Clock::now() < end;) {
    }
    return std::string(bytes, static_cast<char>('a' + chunk.id() % 26));
  }
  absl::Status ProcessCallback(const Chunk&, std::string) override { return absl::OkStatus(); }

  std::size_t bytes = 1;
  nanoseconds duration{0};
  ChunkId fails_at = -1;
};

class PerformerTest : public testing::Test {
 protected:
  // 2,001 rows in chunks of 2: chunks 0 to 999 of two rows, and 1,000 of one.
  PerformerTest() : data_(2001), worker_(Iterate()), other_(Iterate()), performer_({&worker_, &other_}) {}

  DataIterator Iterate() const {
    const NdView array = NdView::Create(data_.data(), DType::Of<std::int64_t>(), {2001}).value();
    return DataIterator::Create(array, Partition::ChunkSize(2)).value();
  }

  // What a step sends, until it sends something.
  std::vector<std::string> Step(nanoseconds slice = hours(1)) {
    std::vector<std::string> messages;
    performer_.Step(slice, &messages);
    return messages;
  }

  std::vector<std::int64_t> data_;
  StringWorker worker_;
  StringWorker other_;
  Performer performer_;
};

Results ResultsOf(const std::string& message) {
  const absl::StatusOr<AnyMessage> decoded = DecodeMessage(message);
  EXPECT_TRUE(decoded.ok() && std::holds_alternative<Results>(*decoded));
  return std::get<Results>(*decoded);
}

// The results that a message carries, each checked to be as StringWorker makes it.
Index CountResults(const Results& results, std::size_t bytes) {
  WireReader reader(results.encoded);
  Index count = 0;
  for (absl::string_view encoded; !reader.at_end(); ++count) {
    EXPECT_TRUE(reader.ReadBytes(&encoded));
    const absl::StatusOr<std::string> text = DecodeResult<std::string>(encoded);
    EXPECT_TRUE(text.ok());
    EXPECT_EQ(*text, std::string(bytes, static_cast<char>('a' + (results.chunks.begin + count) % 26)));
  }
  return count;
}

TEST_F(PerformerTest, SmallResultsTravelTogetherAndNeverAcrossAssignments) {
  EXPECT_TRUE(performer_.is_idle());
  performer_.Enqueue({0, 0, {10, 15}});
  performer_.Enqueue({1, 0, {999, 1001}});
  EXPECT_FALSE(performer_.is_idle());
  const std::vector<std::string> messages = Step();
  EXPECT_TRUE(performer_.is_idle());
  ASSERT_EQ(messages.size(), 2u);
  const Results first = ResultsOf(messages[0]), second = ResultsOf(messages[1]);
  EXPECT_EQ(first.job, 0);
  EXPECT_EQ(first.chunks, (ChunkRange{10, 15}));
  EXPECT_TRUE(first.ends_assignment);
  EXPECT_EQ(CountResults(first, 1), 5);
  EXPECT_EQ(second.job, 1);
  EXPECT_EQ(second.chunks, (ChunkRange{999, 1001}));
  EXPECT_TRUE(second.ends_assignment);
  EXPECT_EQ(CountResults(second, 1), 2);
  EXPECT_EQ(performer_.chunks(), 7);
  EXPECT_EQ(performer_.rows(), 13);  // the last chunk has one row
}

// Results of 10,000 bytes, and 16 for lengths: the fourth makes it more than 32 KiB.
TEST_F(PerformerTest, LargeResultsAreSentWhenEnoughHaveGathered) {
  worker_.bytes = 10'000;
  performer_.Enqueue({0, 0, {0, 10}});
  std::vector<ChunkRange> ranges;
  std::vector<bool> ends;
  for (const std::string& message : Step()) {
    const Results results = ResultsOf(message);
    EXPECT_EQ(CountResults(results, 10'000), results.chunks.size());
    ranges.push_back(results.chunks);
    ends.push_back(results.ends_assignment);
  }
  EXPECT_EQ(ranges, (std::vector<ChunkRange>{{0, 4}, {4, 8}, {8, 10}}));
  EXPECT_EQ(ends, (std::vector<bool>{false, false, true}));
}

TEST_F(PerformerTest, SlowResultsAreSentWhenTheyHaveAged) {
  worker_.duration = Performer::kBatchAge;
  performer_.Enqueue({0, 0, {0, 3}});
  const std::vector<std::string> messages = Step();
  ASSERT_EQ(messages.size(), 3u);
  for (const std::string& message : messages) {
    EXPECT_EQ(ResultsOf(message).chunks.size(), 1);
    EXPECT_GE(ResultsOf(message).busy_seconds, 0.005);
  }
  EXPECT_GE(performer_.busy_seconds(), 0.015);
}

// A slice of no time is one chunk. What has gathered is kept for the next step.
TEST_F(PerformerTest, AStepEndsWithItsSlice) {
  performer_.Enqueue({0, 0, {0, 3}});
  EXPECT_TRUE(Step(nanoseconds(0)).empty());
  EXPECT_EQ(performer_.chunks(), 1);
  EXPECT_TRUE(Step(nanoseconds(0)).empty());
  EXPECT_FALSE(performer_.is_idle());
  const std::vector<std::string> messages = Step(nanoseconds(0));
  EXPECT_TRUE(performer_.is_idle());
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(ResultsOf(messages[0]).chunks, (ChunkRange{0, 3}));
  EXPECT_EQ(CountResults(ResultsOf(messages[0]), 1), 3);
}

TEST_F(PerformerTest, AFailureNamesItsChunkAndEndsEverything) {
  worker_.fails_at = 12;
  performer_.Enqueue({0, 0, {10, 20}});
  performer_.Enqueue({1, 0, {0, 5}});
  const std::vector<std::string> messages = Step();
  ASSERT_EQ(messages.size(), 1u);
  const absl::StatusOr<AnyMessage> decoded = DecodeMessage(messages[0]);
  ASSERT_TRUE(decoded.ok() && std::holds_alternative<Failure>(*decoded));
  const Failure& failure = std::get<Failure>(*decoded);
  EXPECT_EQ(failure.job, 0);
  EXPECT_EQ(failure.chunk, 12);
  EXPECT_EQ(failure.status, absl::OutOfRangeError("too large"));
  EXPECT_TRUE(performer_.is_idle());
  EXPECT_EQ(performer_.chunks(), 2);
  // Nothing of it is left for what comes next.
  performer_.Enqueue({0, 0, {30, 31}});
  const std::vector<std::string> next = Step();
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(ResultsOf(next[0]).chunks, (ChunkRange{30, 31}));
  EXPECT_EQ(CountResults(ResultsOf(next[0]), 1), 1);
}

TEST_F(PerformerTest, WorkThatIsNotThereIsAFailure) {
  for (const Assignment& assignment :
       {Assignment{2, 0, {0, 1}}, Assignment{-1, 0, {0, 1}}, Assignment{0, 0, {1000, 1002}}, Assignment{0, 0, {-1, 1}}}) {
    performer_.Enqueue(assignment);
    const std::vector<std::string> messages = Step();
    ASSERT_EQ(messages.size(), 1u);
    const absl::StatusOr<AnyMessage> decoded = DecodeMessage(messages[0]);
    ASSERT_TRUE(decoded.ok() && std::holds_alternative<Failure>(*decoded));
    EXPECT_EQ(std::get<Failure>(*decoded).status.code(), absl::StatusCode::kInternal);
    EXPECT_TRUE(performer_.is_idle());
  }
  EXPECT_EQ(performer_.chunks(), 0);
}

TEST_F(PerformerTest, ClearDropsWhatIsQueuedAndGathered) {
  performer_.Enqueue({0, 0, {0, 10}});
  performer_.Enqueue({1, 0, {0, 10}});
  EXPECT_TRUE(Step(nanoseconds(0)).empty());
  performer_.Clear();
  EXPECT_TRUE(performer_.is_idle());
  performer_.Enqueue({1, 0, {5, 6}});
  const std::vector<std::string> messages = Step();
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(ResultsOf(messages[0]).chunks, (ChunkRange{5, 6}));
  EXPECT_EQ(CountResults(ResultsOf(messages[0]), 1), 1);
}

}  // namespace
}  // namespace mpaio
