// SPDX-License-Identifier: Apache-2.0
#include "mpaio/mpi/shared_window.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/mpi/communicator.h"
#include "mpaio/testing/child_process.h"
#include "mpaio/testing/mpi_test_environment.h"
#include "mpaio/testing/resident_pages.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

class SharedWindowTest : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<Communicator> node = TestWorld().SplitByNode();
    MPAIO_ASSERT_OK(node);
    node_ = *std::move(node);
    ASSERT_GE(node_.size(), 2);
  }

  SharedWindow Allocate(Index size_bytes) {
    absl::StatusOr<SharedWindow> window = SharedWindow::Allocate(node_, size_bytes);
    EXPECT_THAT(window, IsOk());
    return window.ok() ? *std::move(window) : SharedWindow();
  }

  int rank() const { return node_.rank(); }
  int size() const { return node_.size(); }

  Communicator node_;
};

TEST_F(SharedWindowTest, NullHasNothing) {
  SharedWindow window;
  EXPECT_EQ(window.data(), nullptr);
  EXPECT_EQ(window.size_bytes(), 0);
  MPAIO_EXPECT_OK(window.Free());
}

TEST_F(SharedWindowTest, StartsAtAPageWhateverItsSize) {
  for (const Index size_bytes :
       {Index{0}, Index{1}, Index{4095}, Index{4096}, Index{4097}, Index{100001}, Index{3} << 20}) {
    SharedWindow window = Allocate(size_bytes);
    ASSERT_NE(window.data(), nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(window.data()) % PageBytes(), 0u) << size_bytes;
    EXPECT_EQ(window.size_bytes(), size_bytes);
    MPAIO_EXPECT_OK(window.Free());
  }
}

// Rank r stores to the bytes at r, r + size, ...; then each rank reads all of them.
TEST_F(SharedWindowTest, StoresOfEveryRankAreSeenByAllAfterSynchronize) {
  constexpr Index kSizeBytes = (1 << 20) + 5;
  SharedWindow window = Allocate(kSizeBytes);
  ASSERT_NE(window.data(), nullptr);
  for (int round = 1; round <= 20; ++round) {
    const auto value = [round](Index at) { return static_cast<std::byte>((at * 7 + round) % 251); };
    for (Index at = rank(); at < kSizeBytes; at += size()) window.data()[at] = value(at);
    MPAIO_ASSERT_OK(window.Synchronize(node_));
    Index wrong = 0;
    for (Index at = 0; at < kSizeBytes; ++at) wrong += window.data()[at] != value(at);
    EXPECT_EQ(wrong, 0) << "round " << round;
    MPAIO_ASSERT_OK(window.Synchronize(node_));  // no rank stores while another still reads
  }
  MPAIO_EXPECT_OK(window.Free());
}

// Each rank in turn is the only one that stores.
TEST_F(SharedWindowTest, IsVisibleFromEachRankToEachOther) {
  SharedWindow window = Allocate(sizeof(std::int64_t));
  ASSERT_NE(window.data(), nullptr);
  auto* const number = reinterpret_cast<std::int64_t*>(window.data());
  for (int turn = 0; turn < 10 * size(); ++turn) {
    if (turn % size() == rank()) *number = 1000 + turn;
    MPAIO_ASSERT_OK(window.Synchronize(node_));
    EXPECT_EQ(*number, 1000 + turn);
    MPAIO_ASSERT_OK(window.Synchronize(node_));
  }
  MPAIO_EXPECT_OK(window.Free());
}

TEST_F(SharedWindowTest, BarrierReturnsOnNoRankBeforeAllHaveCalled) {
  SharedWindow window = Allocate(sizeof(std::int64_t));
  ASSERT_NE(window.data(), nullptr);
  std::atomic_ref<std::int64_t> calls(*reinterpret_cast<std::int64_t*>(window.data()));
  if (rank() == 0) calls.store(0);
  MPAIO_ASSERT_OK(node_.Barrier());
  for (int round = 1; round <= 200; ++round) {
    calls.fetch_add(1);
    MPAIO_ASSERT_OK(node_.Barrier());
    EXPECT_GE(calls.load(), std::int64_t{round} * size());
  }
  MPAIO_EXPECT_OK(window.Free());
}

TEST_F(SharedWindowTest, WindowsDoNotOverlap) {
  constexpr Index kSizeBytes = 10000;
  SharedWindow first = Allocate(kSizeBytes), second = Allocate(kSizeBytes);
  ASSERT_TRUE(first.data() != nullptr && second.data() != nullptr);
  if (rank() == 0) {
    for (Index at = 0; at < kSizeBytes; ++at) first.data()[at] = std::byte{1};
    for (Index at = 0; at < kSizeBytes; ++at) second.data()[at] = std::byte{2};
  }
  MPAIO_ASSERT_OK(second.Synchronize(node_));
  for (Index at = 0; at < kSizeBytes; ++at) ASSERT_EQ(first.data()[at], std::byte{1}) << at;
  MPAIO_EXPECT_OK(first.Free());
  EXPECT_EQ(second.data()[kSizeBytes - 1], std::byte{2});
  MPAIO_EXPECT_OK(second.Free());
}

// The isolation of chunks depends on this: a rank's child process stores to memory that all ranks
// see.
TEST_F(SharedWindowTest, AChildsStoresAreSeenByAll) {
  SharedWindow window = Allocate(100);
  ASSERT_NE(window.data(), nullptr);
  std::byte* const place = window.data() + rank();
  EXPECT_EQ(RunInChild([place] {
              *place = std::byte{42};
              return 0;
            }),
            ChildEnd{});
  MPAIO_ASSERT_OK(window.Synchronize(node_));
  for (int other = 0; other < size(); ++other)
    EXPECT_EQ(window.data()[other], std::byte{42}) << "of rank " << other;
  MPAIO_EXPECT_OK(window.Free());
}

TEST_F(SharedWindowTest, FreeIsIdempotentAndUnmaps) {
  constexpr Index kSizeBytes = 16 << 20;
  SharedWindow window = Allocate(kSizeBytes);
  ASSERT_NE(window.data(), nullptr);
  const std::byte* const middle = window.data() + kSizeBytes / 2;
  EXPECT_GE(NumResidentPages(middle, 1), 0);
  MPAIO_EXPECT_OK(window.Free());
  EXPECT_EQ(NumResidentPages(middle, 1), -1) << "still mapped";
  EXPECT_EQ(window.data(), nullptr);
  EXPECT_EQ(window.size_bytes(), 0);
  MPAIO_EXPECT_OK(window.Free());
}

TEST_F(SharedWindowTest, MovingLeavesNull) {
  SharedWindow window = Allocate(100);
  std::byte* const data = window.data();
  SharedWindow moved(std::move(window));
  EXPECT_EQ(window.data(), nullptr);
  EXPECT_EQ(window.size_bytes(), 0);
  MPAIO_EXPECT_OK(window.Free());
  SharedWindow assigned;
  assigned = std::move(moved);
  EXPECT_EQ(moved.data(), nullptr);
  EXPECT_EQ(assigned.data(), data);
  EXPECT_EQ(assigned.size_bytes(), 100);
  MPAIO_EXPECT_OK(assigned.Synchronize(node_));
  MPAIO_EXPECT_OK(assigned.Free());
}

TEST_F(SharedWindowTest, SynchronizeOfNullIsAStatus) {
  EXPECT_THAT(SharedWindow().Synchronize(node_),
              StatusIs(absl::StatusCode::kInternal, "MPI_Win_sync"));
}

}  // namespace
}  // namespace mpaio
