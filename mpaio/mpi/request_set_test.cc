// SPDX-License-Identifier: Apache-2.0
#include "mpaio/mpi/request_set.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/mpi/communicator.h"
#include "mpaio/mpi/shared_window.h"
#include "mpaio/testing/mpi_test_environment.h"
#include "mpaio/testing/random_bytes.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kTimeout(20);
constexpr int kTag = 3;
constexpr Index kMpiLimitBytes = (Index{1} << 31) - 1;
// Large enough that MPI does not send it before the receiver has posted a receive.
constexpr Index kLargeBytes = 8 << 20;

// Each test uses its own communicator, so that leftover messages do not reach the next test.
class RequestSetTest : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<Communicator> comm = TestWorld().Duplicate();
    MPAIO_ASSERT_OK(comm);
    comm_ = *std::move(comm);
  }

  int rank() const { return comm_.rank(); }
  int size() const { return comm_.size(); }

  // Tests until nothing is active; returns the completed operations, by token.
  static std::vector<Completion> Finish(RequestSet& requests) {
    std::vector<Completion> completed;
    const auto end = steady_clock::now() + kTimeout;
    while (requests.num_active() > 0) {
      const absl::StatusOr<TestOutcome> outcome = requests.TestSome(&completed);
      EXPECT_THAT(outcome, IsOk());
      if (!outcome.ok()) break;
      EXPECT_NE(*outcome, TestOutcome::kNothingActive);
      if (steady_clock::now() > end) {
        ADD_FAILURE() << requests.num_active() << " operations do not complete";
        break;
      }
      if (*outcome == TestOutcome::kNoneCompleted) sched_yield();
    }
    std::sort(completed.begin(), completed.end(),
              [](const Completion& a, const Completion& b) { return a.token < b.token; });
    return completed;
  }

  Communicator comm_;
};

TEST_F(RequestSetTest, WithoutOperationsThereIsNothingToWaitFor) {
  RequestSet requests;
  std::vector<Completion> completed;
  EXPECT_EQ(requests.TestSome(&completed).value(), TestOutcome::kNothingActive);
  EXPECT_TRUE(completed.empty());
  EXPECT_EQ(requests.num_active(), 0u);
  EXPECT_TRUE(requests.CancelAll().value());
}

TEST_F(RequestSetTest, MessagesOfEverySizeArriveUnchanged) {
  for (const Index size_bytes : {Index{0}, Index{1}, Index{100}, Index{4079}, Index{4080},
                                 Index{4096}, Index{65537}, Index{1} << 20, Index{5} << 20}) {
    RequestSet requests;
    std::vector<std::string> out(size()), in(size());
    std::vector<Index> expected_bytes;
    for (int other = 0; other < size(); ++other) {
      if (other == rank()) continue;
      out[other] = RandomBytes(1000 * rank() + other, size_bytes);
      in[other].resize(size_bytes + 10);  // more than arrives
      MPAIO_ASSERT_OK(
          requests.Receive(comm_, other, kTag, in[other].data(), in[other].size(), 100 + other));
      MPAIO_ASSERT_OK(
          requests.Send(comm_, other, kTag, out[other].data(), size_bytes, 200 + other));
    }
    EXPECT_EQ(requests.num_active(), 2u * (size() - 1));
    const std::vector<Completion> completed = Finish(requests);
    ASSERT_EQ(completed.size(), 2u * (size() - 1));
    std::size_t next = 0;
    for (int other = 0; other < size(); ++other) {
      if (other == rank()) continue;
      EXPECT_EQ(completed[next].token, 100u + other);
      EXPECT_EQ(completed[next].bytes, size_bytes);
      EXPECT_EQ(completed[next + size() - 1].token, 200u + other);
      EXPECT_TRUE(in[other].substr(0, size_bytes) == RandomBytes(1000 * other + rank(), size_bytes))
          << size_bytes << " bytes";
      ++next;
    }
  }
}

TEST_F(RequestSetTest, TestSomeDistinguishesItsOutcomes) {
  RequestSet requests;
  std::vector<Completion> completed = {{.token = 1, .bytes = 2}};
  char byte = 0;
  if (rank() == 0) {
    for (int other = 1; other < size(); ++other) {
      MPAIO_ASSERT_OK(requests.Receive(comm_, other, kTag, &byte, 1, 50 + other));
      EXPECT_EQ(requests.num_active(), 1u);
      for (int k = 0; k < 100; ++k)
        ASSERT_EQ(requests.TestSome(&completed).value(), TestOutcome::kNoneCompleted);
      EXPECT_EQ(requests.num_active(), 1u);
      // The other rank sends after this message.
      const char go = 'g';
      RequestSet sends;
      MPAIO_ASSERT_OK(sends.Send(comm_, other, kTag, &go, 1, 0));
      Finish(sends);
      const auto end = steady_clock::now() + kTimeout;
      TestOutcome outcome = TestOutcome::kNoneCompleted;
      while (outcome == TestOutcome::kNoneCompleted && steady_clock::now() < end)
        outcome = requests.TestSome(&completed).value();
      EXPECT_EQ(outcome, TestOutcome::kCompleted);
      EXPECT_EQ(requests.TestSome(&completed).value(), TestOutcome::kNothingActive);
      // The previous contents of the vector stay.
      ASSERT_EQ(completed.size(), 1u + other);
      EXPECT_EQ(completed.front().token, 1u);
      EXPECT_EQ(completed.back().token, 50u + other);
      EXPECT_EQ(completed.back().bytes, 1);
    }
  } else {
    MPAIO_ASSERT_OK(requests.Receive(comm_, 0, kTag, &byte, 1, 0));
    Finish(requests);
    MPAIO_ASSERT_OK(requests.Send(comm_, 0, kTag, &byte, 1, 0));
    Finish(requests);
  }
}

// Messages are posted and completed in random order, so that the set changes in many ways.
TEST_F(RequestSetTest, EachOfManyOperationsCompletesOnceWithItsToken) {
  constexpr int kCount = 1500;
  constexpr std::uint64_t kSeed = 20240517;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  RequestSet requests;
  std::vector<std::string> buffers(kCount);
  const auto message = [](int from, int number) {
    std::mt19937_64 random(kSeed + 10000 * from + number);
    return RandomBytes(random(), static_cast<Index>(random() % (number % 100 == 0 ? 100000 : 300)));
  };
  if (rank() == 0) {
    std::vector<Completion> completed;
    for (int k = 0; k < kCount; ++k) {
      const int from = 1 + k % (size() - 1);
      buffers[k].assign(100000, '?');
      MPAIO_ASSERT_OK(
          requests.Receive(comm_, from, /*tag=*/k, buffers[k].data(), buffers[k].size(), k));
      if (k % 7 == 0) {
        MPAIO_ASSERT_OK(requests.TestSome(&completed));
      }
    }
    for (const Completion& done : Finish(requests)) completed.push_back(done);
    std::vector<int> times(kCount);
    for (const Completion& done : completed) {
      ASSERT_LT(done.token, static_cast<std::uint64_t>(kCount));
      const int k = static_cast<int>(done.token);
      ++times[k];
      const std::string expected = message(1 + k % (size() - 1), k);
      EXPECT_EQ(done.bytes, static_cast<Index>(expected.size()));
      EXPECT_TRUE(buffers[k].substr(0, expected.size()) == expected) << "message " << k;
    }
    EXPECT_EQ(times, std::vector<int>(kCount, 1));
  } else {
    std::vector<int> order;
    for (int k = 0; k < kCount; ++k) {
      if (1 + k % (size() - 1) == rank()) order.push_back(k);
    }
    std::mt19937_64 random(kSeed);
    std::shuffle(order.begin(), order.end(), random);
    for (const int k : order) {
      buffers[k] = message(rank(), k);
      MPAIO_ASSERT_OK(requests.Send(comm_, 0, /*tag=*/k, buffers[k].data(), buffers[k].size(), k));
    }
    EXPECT_EQ(Finish(requests).size(), order.size());
  }
}

TEST_F(RequestSetTest, MoreThanMpiCountsIsRefused) {
  RequestSet requests;
  char byte = 0;
  for (const Index size_bytes : {kMpiLimitBytes + 1, Index{1} << 40, Index{-1}}) {
    const std::string text = std::to_string(size_bytes);
    EXPECT_THAT(requests.Send(comm_, 0, kTag, &byte, size_bytes, 0),
                StatusIs(absl::StatusCode::kInvalidArgument, text));
    EXPECT_THAT(requests.Receive(comm_, 0, kTag, &byte, size_bytes, 0),
                StatusIs(absl::StatusCode::kInvalidArgument, text));
  }
  EXPECT_EQ(requests.num_active(), 0u);
  // The limit itself is accepted. Nothing is sent, so the buffer is not accessed.
  MPAIO_EXPECT_OK(requests.Receive(comm_, 0, kTag, &byte, kMpiLimitBytes, 0));
  EXPECT_TRUE(requests.CancelAll().value());
}

TEST_F(RequestSetTest, AWrongRankIsAStatusThatNamesTheCall) {
  RequestSet requests;
  char byte = 0;
  for (const int wrong : {size(), -77}) {
    EXPECT_THAT(requests.Send(comm_, wrong, kTag, &byte, 1, 0),
                StatusIs(absl::StatusCode::kInternal, "MPI_Isend failed: MPI_ERR_RANK"));
    EXPECT_THAT(requests.Receive(comm_, wrong, kTag, &byte, 1, 0),
                StatusIs(absl::StatusCode::kInternal, "MPI_Irecv failed: MPI_ERR_RANK"));
  }
  EXPECT_EQ(requests.num_active(), 0u);
}

// One message is longer than its buffer. The others, before and after it, are not lost.
TEST_F(RequestSetTest, AMessageTooLongIsAStatusAndTheOthersComplete) {
  RequestSet requests;
  if (rank() == 0) {
    constexpr int kCount = 5, kTooLong = 2;
    std::vector<std::string> buffers(kCount, std::string(100, '?'));
    for (int k = 0; k < kCount; ++k) {
      MPAIO_ASSERT_OK(
          requests.Receive(comm_, 1, kTag, buffers[k].data(), k == kTooLong ? 10 : 100, k));
    }
    MPAIO_ASSERT_OK(comm_.Barrier());
    std::vector<Completion> completed;
    absl::Status error;
    const auto end = steady_clock::now() + kTimeout;
    while (requests.num_active() > 0 && steady_clock::now() < end)
      error.Update(requests.TestSome(&completed).status());
    EXPECT_THAT(error,
                StatusIs(absl::StatusCode::kInternal, "MPI_Testsome failed: MPI_ERR_TRUNCATE"));
    EXPECT_EQ(requests.num_active(), 0u);
    std::vector<std::uint64_t> tokens;
    for (const Completion& done : completed) tokens.push_back(done.token);
    EXPECT_THAT(tokens, testing::UnorderedElementsAre(0u, 1u, 3u, 4u));
    EXPECT_TRUE(requests.CancelAll().value());
  } else {
    MPAIO_ASSERT_OK(comm_.Barrier());
    const std::string bytes(100, 'a');
    if (rank() == 1) {
      for (int k = 0; k < 5; ++k)
        MPAIO_ASSERT_OK(requests.Send(comm_, 0, kTag, bytes.data(), bytes.size(), k));
      Finish(requests);
    }
  }
}

// A cancelled receive accepts no message: the next one posted gets it.
TEST_F(RequestSetTest, CancelAllLeavesNoReceiveBehind) {
  if (rank() == 0) {
    RequestSet requests;
    std::vector<std::string> cancelled(10, std::string(100, '?'));
    for (int k = 0; k < 10; ++k)
      MPAIO_ASSERT_OK(requests.Receive(comm_, 1, kTag, cancelled[k].data(), 100, k));
    EXPECT_TRUE(requests.CancelAll().value());
    EXPECT_EQ(requests.num_active(), 0u);
    std::vector<Completion> completed;
    EXPECT_EQ(requests.TestSome(&completed).value(), TestOutcome::kNothingActive);
    EXPECT_TRUE(completed.empty());
    MPAIO_ASSERT_OK(comm_.Barrier());
    std::string taken(100, '?');
    MPAIO_ASSERT_OK(requests.Receive(comm_, 1, kTag, taken.data(), 100, 77));
    completed = Finish(requests);
    ASSERT_EQ(completed.size(), 1u);
    EXPECT_EQ(completed[0].token, 77u);
    EXPECT_EQ(taken.substr(0, completed[0].bytes), "only one");
    for (const std::string& buffer : cancelled) EXPECT_EQ(buffer, std::string(100, '?'));
  } else {
    MPAIO_ASSERT_OK(comm_.Barrier());
    RequestSet requests;
    const std::string bytes = "only one";
    if (rank() == 1) {
      MPAIO_ASSERT_OK(requests.Send(comm_, 0, kTag, bytes.data(), bytes.size(), 0));
    }
    Finish(requests);
  }
}

// A message that has arrived but has not been tested for is dropped too.
TEST_F(RequestSetTest, CancelAllDropsCompletedOperations) {
  RequestSet requests;
  std::string bytes(100, '?');
  if (rank() == 0) {
    MPAIO_ASSERT_OK(requests.Receive(comm_, 1, kTag, bytes.data(), 100, 0));
  }
  if (rank() == 1) {
    MPAIO_ASSERT_OK(requests.Send(comm_, 0, kTag, bytes.data(), 100, 0));
  }
  for (int k = 0; k < 3; ++k) MPAIO_ASSERT_OK(comm_.Barrier());
  EXPECT_TRUE(requests.CancelAll().value());
  std::vector<Completion> completed;
  EXPECT_EQ(requests.TestSome(&completed).value(), TestOutcome::kNothingActive);
}

// No receive is posted for the message: MPI keeps the buffer, and reports that.
TEST_F(RequestSetTest, CancelAllDoesNotWaitForAReceiver) {
  const std::string out = RandomBytes(5, kLargeBytes);
  RequestSet requests;
  if (rank() == 1) {
    MPAIO_ASSERT_OK(requests.Send(comm_, 0, kTag, out.data(), kLargeBytes, 0));
    EXPECT_FALSE(requests.CancelAll().value());
    EXPECT_EQ(requests.num_active(), 0u);
  }
  MPAIO_ASSERT_OK(comm_.Barrier());
  // CancelAll did not revoke the send. The message is received here so that nothing is in flight
  // when the buffer is freed.
  if (rank() == 0) {
    std::string in(kLargeBytes, '?');
    MPAIO_ASSERT_OK(requests.Receive(comm_, 1, kTag, in.data(), kLargeBytes, 0));
    Finish(requests);
    EXPECT_TRUE(in == out);
  }
  MPAIO_ASSERT_OK(comm_.Barrier());
}

// The sender has started and then makes no MPI call, like a rank that has died or is computing.
TEST_F(RequestSetTest, CancelAllDoesNotWaitForASender) {
  absl::StatusOr<Communicator> node = TestWorld().SplitByNode();
  MPAIO_ASSERT_OK(node);
  absl::StatusOr<SharedWindow> window = SharedWindow::Allocate(*node, sizeof(std::int64_t));
  MPAIO_ASSERT_OK(window);
  std::atomic_ref<std::int64_t> step(*reinterpret_cast<std::int64_t*>(window->data()));
  if (rank() == 0) step.store(0);
  MPAIO_ASSERT_OK(comm_.Barrier());
  const auto wait_for = [&step](std::int64_t value) {
    const auto end = steady_clock::now() + seconds(5);
    while (step.load() < value && steady_clock::now() < end) sched_yield();
    return step.load() >= value;
  };

  std::string bytes(kLargeBytes, rank() == 1 ? 'a' : '?');
  RequestSet requests;
  if (rank() == 0) {
    MPAIO_ASSERT_OK(requests.Receive(comm_, 1, kTag, bytes.data(), kLargeBytes, 0));
    step.store(1);
    EXPECT_TRUE(wait_for(2));
    // If MPI can copy directly from the sender's memory, the message arrives without the sender.
    std::vector<Completion> completed;
    for (int k = 0; k < 1000 && requests.num_active() > 0; ++k)
      EXPECT_THAT(requests.TestSome(&completed), IsOk());
    EXPECT_EQ(requests.CancelAll().value(), !completed.empty());
    EXPECT_EQ(requests.num_active(), 0u);
    step.store(3);
  } else if (rank() == 1) {
    EXPECT_TRUE(wait_for(1));
    MPAIO_ASSERT_OK(requests.Send(comm_, 0, kTag, bytes.data(), kLargeBytes, 0));
    step.store(2);
    EXPECT_TRUE(wait_for(3)) << "CancelAll has not returned";
    Finish(requests);
  }
  // The buffer exists until here, because MPI may still write to it.
  MPAIO_ASSERT_OK(comm_.Barrier());
  MPAIO_ASSERT_OK(window->Free());
}

}  // namespace
}  // namespace mpaio
