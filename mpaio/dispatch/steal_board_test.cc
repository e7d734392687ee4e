// SPDX-License-Identifier: Apache-2.0
#include "mpaio/dispatch/steal_board.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

double AnyWorth(const Assignment& offered) { return static_cast<double>(offered.chunks.size()); }

struct Memory {
  explicit Memory(int ranks) : rows(static_cast<std::size_t>(ranks)) {}
  std::byte* data() { return reinterpret_cast<std::byte*>(rows.data()); }
  std::vector<StealBoard::Row> rows;
};

TEST(ClaimWordTest, WorkedExamples) {
  const ClaimWord word = WordOf({3, 10});
  EXPECT_EQ(RangeOf(word), (ChunkRange{3, 10}));
  EXPECT_EQ(TakeFront(word, 2).taken, (ChunkRange{3, 5}));
  EXPECT_EQ(RangeOf(TakeFront(word, 2).left), (ChunkRange{5, 10}));
  EXPECT_EQ(TakeFront(word, 7).left, 0u);
  EXPECT_EQ(TakeFront(word, 8).taken, (ChunkRange{3, 10}));
  EXPECT_EQ(TakeFarHalf(word).taken, (ChunkRange{6, 10}));
  EXPECT_EQ(RangeOf(TakeFarHalf(word).left), (ChunkRange{3, 6}));
  EXPECT_EQ(TakeFarHalf(WordOf({0, 1})).taken, (ChunkRange{0, 1}));
  EXPECT_EQ(TakeFarHalf(WordOf({0, 1})).left, 0u);
  EXPECT_EQ(RangeOf(WordOf({0, kMostClaimable})), (ChunkRange{0, kMostClaimable}));
  EXPECT_EQ(RangeOf(WordOf({kMostClaimable - 1, kMostClaimable})),
            (ChunkRange{kMostClaimable - 1, kMostClaimable}));
}

TEST(StealBoardTest, OwnersTakeFromTheFrontAndOthersFromTheEnd) {
  Memory memory(2);
  StealBoard mine(memory.data(), 0, 2, {100, 50});
  StealBoard other(memory.data(), 1, 2, {100, 50});
  const std::optional<int> slot = mine.Post({1, 0, {10, 20}});
  ASSERT_TRUE(slot);
  EXPECT_EQ(mine.Claim(*slot, 1, 3), (ChunkRange{10, 13}));
  EXPECT_FALSE(mine.Steal(AnyWorth)) << "a rank does not steal from itself";
  EXPECT_EQ(other.Steal(AnyWorth), (Assignment{1, 0, {16, 20}}));
  EXPECT_EQ(mine.Claim(*slot, 1, 100), (ChunkRange{13, 16}));
  EXPECT_TRUE(mine.IsEmpty(*slot));
  EXPECT_EQ(mine.Claim(*slot, 1, 1).size(), 0);
  EXPECT_FALSE(other.Steal(AnyWorth));
}

TEST(StealBoardTest, StealsWhereTheWorthIsGreatest) {
  Memory memory(3);
  const std::vector<Index> chunks = {100, 50};
  StealBoard first(memory.data(), 0, 3, chunks), second(memory.data(), 1, 3, chunks),
      thief(memory.data(), 2, 3, chunks);
  first.Post({0, 0, {0, 30}});
  second.Post({1, 0, {0, 4}});
  second.Post({1, 0, {40, 41}});
  const auto worth = [](const Assignment& offered) {
    return offered.job == 1 ? 10.0 * static_cast<double>(offered.chunks.size()) : 1.0;
  };
  EXPECT_EQ(thief.Steal(worth), (Assignment{1, 0, {2, 4}}));
  EXPECT_EQ(thief.Steal(worth), (Assignment{1, 0, {1, 2}}));
  EXPECT_EQ(thief.Steal(worth)->chunks.size(), 1);
  EXPECT_EQ(thief.Steal(worth)->chunks.size(), 1);
  EXPECT_EQ(thief.Steal(worth), (Assignment{0, 0, {15, 30}}));
  EXPECT_FALSE(thief.Steal([](const Assignment&) { return 0.0; }));
}

TEST(StealBoardTest, ASlotBelongsToItsOwnerUntilItIsReleased) {
  Memory memory(2);
  StealBoard mine(memory.data(), 0, 2, {100});
  StealBoard other(memory.data(), 1, 2, {100});
  std::vector<int> slots;
  for (ChunkId chunk = 0; chunk < StealBoard::kSlots; ++chunk)
    slots.push_back(mine.Post({0, 0, {chunk, chunk + 1}}).value());
  EXPECT_FALSE(mine.Post({0, 0, {50, 60}}));
  while (other.Steal(AnyWorth)) {
  }
  EXPECT_FALSE(mine.Post({0, 0, {50, 60}})) << "the slots are empty, but not released";
  mine.Release(slots[3]);
  EXPECT_EQ(mine.Post({0, 0, {50, 60}}), slots[3]);
  mine.Release(slots[3]);
  EXPECT_FALSE(other.Steal(AnyWorth));
}

TEST(StealBoardTest, NothingIsTakenFromARankWithOtherJobs) {
  Memory memory(2);
  StealBoard mine(memory.data(), 0, 2, {10, 50});
  StealBoard other(memory.data(), 1, 2, {12, 48});
  ASSERT_TRUE(mine.Post({1, 0, {0, 8}}));
  EXPECT_FALSE(other.Steal(AnyWorth));
  StealBoard same(memory.data(), 1, 2, {10, 50});
  EXPECT_TRUE(same.Steal(AnyWorth));
}

TEST(StealBoardTest, ShowsWhatARankHolds) {
  Memory memory(2);
  StealBoard mine(memory.data(), 1, 2, {100, 50});
  const StealBoard other(memory.data(), 0, 2, {100, 50});
  const int slot = mine.Post({1, 0, {0, 8}}).value();
  mine.Post({0, 0, {99, 100}});
  mine.Hold(1, mine.Claim(slot, 1, 2));
  EXPECT_EQ(other.HeldBy(1),
            (std::vector<Assignment>{{1, 0, {2, 8}}, {0, 0, {99, 100}}, {1, 0, {0, 2}}}));
  mine.Hold(0, {});
  mine.Release(slot);
  EXPECT_EQ(other.HeldBy(1), (std::vector<Assignment>{{0, 0, {99, 100}}}));
  EXPECT_TRUE(other.HeldBy(0).empty());
}

TEST(StealBoardTest, UnusableWithoutMemoryOrOtherRanksOrWithTooManyChunks) {
  Memory memory(2);
  EXPECT_FALSE(StealBoard().is_usable());
  EXPECT_FALSE(StealBoard(nullptr, 0, 2, {10}).is_usable());
  EXPECT_FALSE(StealBoard(memory.data(), 0, 1, {10}).is_usable());
  EXPECT_FALSE(StealBoard(memory.data(), 0, 2, {kMostClaimable, 1}).is_usable());
  EXPECT_FALSE(StealBoard(memory.data(), 0, 2, {Index{1} << 62, Index{1} << 62}).is_usable());
  EXPECT_TRUE(StealBoard(memory.data(), 0, 2, {kMostClaimable}).is_usable());
  StealBoard none;
  EXPECT_FALSE(none.Post({0, 0, {0, 1}}));
  EXPECT_FALSE(none.Steal(AnyWorth));
  EXPECT_TRUE(none.HeldBy(0).empty());
}

// Takes chunks, its own and those of others, and marks them until `marked` reaches `enough`.
void TakeAll(StealBoard board, const Assignment& own, std::uint32_t seed,
             std::atomic<std::uint8_t>* marks, const std::atomic<Index>& enough,
             std::atomic<Index>* marked) {
  std::mt19937 random(seed);
  std::optional<Assignment> task = own;
  while (enough.load() > marked->load()) {
    if (!task) task = board.Steal(AnyWorth);
    if (!task) continue;
    const int slot = board.Post(*task).value();
    while (!board.IsEmpty(slot)) {
      const ChunkRange taken = board.Claim(slot, task->job, 1 + static_cast<Index>(random() % 3));
      board.Hold(task->job, taken);
      for (ChunkId chunk = taken.begin; chunk < taken.end; ++chunk) marks[chunk].fetch_add(1);
      marked->fetch_add(taken.size());
    }
    board.Release(slot);
    task.reset();
  }
}

TEST(StealBoardTest, ThreadsTakeEveryChunkOnce) {
  constexpr int kRanks = 4;
  constexpr Index kChunks = 40'000;
  Memory memory(kRanks);
  std::vector<std::atomic<std::uint8_t>> marks(kChunks);
  const std::atomic<Index> enough{kChunks};
  std::atomic<Index> marked{0};
  std::vector<std::thread> threads;
  for (int rank = 0; rank < kRanks; ++rank) {
    const Assignment own{0, 0, {kChunks / kRanks * rank, kChunks / kRanks * (rank + 1)}};
    threads.emplace_back(TakeAll, StealBoard(memory.data(), rank, kRanks, {kChunks}), own,
                         static_cast<std::uint32_t>(rank), marks.data(), std::cref(enough),
                         &marked);
  }
  for (std::thread& thread : threads) thread.join();
  for (Index chunk = 0; chunk < kChunks; ++chunk)
    ASSERT_EQ(marks[static_cast<std::size_t>(chunk)].load(), 1) << chunk;
}

// Several processes share a board, and one is killed at any instruction. Chunks that are neither
// marked nor held by the living belonged to the dead process; when they are processed again, every
// chunk is marked in the end. (A chunk may be marked twice if it was being moved.)
TEST(StealBoardTest, AKilledProcessLosesNoChunk) {
  constexpr int kRanks = 3;
  constexpr Index kChunks = 3'000;
  const std::uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  struct Shared {
    StealBoard::Row rows[kRanks];
    std::atomic<std::uint8_t> marks[kChunks];
    std::atomic<Index> marked;
    std::atomic<Index> enough;
  };
  for (int round = 0; round < 100; ++round) {
    void* const memory =
        mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    auto* const shared = static_cast<Shared*>(memory);
    // No process leaves before the end, so the victim is killed while it processes chunks, its own
    // or those of others.
    shared->enough.store(Index{1} << 40);
    const Index fatal_mark = 1 + static_cast<Index>(random() % (kChunks - 1));
    std::vector<pid_t> children;
    const pid_t parent = getpid();
    for (int rank = 1; rank < kRanks; ++rank) {
      const std::uint32_t own_seed = random();
      const pid_t child = fork();
      ASSERT_GE(child, 0);
      if (child == 0) {
        // A child must not outlive a test that fails.
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(1);
        StealBoard board(reinterpret_cast<std::byte*>(shared->rows), rank, kRanks, {kChunks});
        const Index each = kChunks / (kRanks - 1);
        TakeAll(board, {0, 0, {each * (rank - 1), each * rank}}, own_seed, shared->marks,
                shared->enough, &shared->marked);
        _exit(0);
      }
      children.push_back(child);
    }
    while (shared->marked.load() < fatal_mark) {
    }
    kill(children[0], SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(children[0], &status, 0), children[0]);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    // In every other round the survivor is stopped, so that the remaining chunks can be counted
    // exactly.
    const bool is_stopped = round % 2 == 0;
    if (is_stopped) {
      kill(children[1], SIGSTOP);
      ASSERT_EQ(waitpid(children[1], &status, WUNTRACED), children[1]);
      ASSERT_TRUE(WIFSTOPPED(status));
    }
    // The survivor takes the chunks that the dead process had posted, but not those that the dead
    // process had claimed or was moving. It continues until all chunks are marked.
    const StealBoard board(reinterpret_cast<std::byte*>(shared->rows), 0, kRanks, {kChunks});
    std::vector<bool> is_held(kChunks, false), was_held_by_dead(kChunks, false);
    // Read first, because the survivor takes chunks from the dead process.
    for (const Assignment& held : board.HeldBy(1)) {
      for (ChunkId chunk = held.chunks.begin; chunk < held.chunks.end; ++chunk)
        was_held_by_dead[static_cast<std::size_t>(chunk)] = true;
    }
    for (const Assignment& held : board.HeldBy(2)) {
      for (ChunkId chunk = held.chunks.begin; chunk < held.chunks.end; ++chunk)
        is_held[static_cast<std::size_t>(chunk)] = true;
    }
    std::vector<ChunkId> lost;
    for (ChunkId chunk = 0; chunk < kChunks; ++chunk) {
      if (!is_held[static_cast<std::size_t>(chunk)] && shared->marks[chunk].load() == 0)
        lost.push_back(chunk);
    }
    // All lost chunks were shown by the dead process, except one range that it was moving and one
    // that the survivor is moving.
    int moving = 0;
    for (std::size_t k = 0; k < lost.size(); ++k) {
      const auto chunk = static_cast<std::size_t>(lost[k]);
      if (!was_held_by_dead[chunk] &&
          (k == 0 || lost[k] != lost[k - 1] + 1 || was_held_by_dead[chunk - 1]))
        ++moving;
    }
    if (is_stopped) {
      EXPECT_LE(moving, 2);
      kill(children[1], SIGCONT);
    }
    // The survivor must mark all chunks except the lost ones, which rank 0 marks here.
    for (const ChunkId chunk : lost) {
      if (shared->marks[chunk].fetch_add(1) == 0) shared->marked.fetch_add(1);
    }
    const auto all_marked = [&] {
      for (const std::atomic<std::uint8_t>& mark : shared->marks) {
        if (mark.load() == 0) return false;
      }
      return true;
    };
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!all_marked())
      ASSERT_LT(std::chrono::steady_clock::now(), give_up)
          << "the remaining chunks are not processed";
    shared->enough.store(0);
    ASSERT_EQ(waitpid(children[1], &status, 0), children[1]);
    ASSERT_TRUE(WIFEXITED(status));
    for (ChunkId chunk = 0; chunk < kChunks; ++chunk) {
      const int marks = shared->marks[chunk].load();
      ASSERT_TRUE(marks == 1 ||
                  (marks == 2 && std::find(lost.begin(), lost.end(), chunk) != lost.end()))
          << chunk << ": " << marks;
    }
    munmap(memory, sizeof(Shared));
  }
}

}  // namespace
}  // namespace mpaio
