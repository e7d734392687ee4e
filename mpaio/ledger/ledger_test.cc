// SPDX-License-Identifier: Apache-2.0
#include "mpaio/ledger/ledger.h"

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

Index NumCommitted(const Ledger& ledger, int job) {
  Index committed = 0;
  for (ChunkId chunk = 0; chunk < ledger.num_chunks(job); ++chunk)
    committed += ledger.is_committed(job, chunk) ? 1 : 0;
  return committed;
}

using Ranges = std::vector<ChunkRange>;

TEST(LedgerTest, CommitsEachChunkOnce) {
  Ledger ledger({200}, 3);
  EXPECT_EQ(ledger.num_chunks(0), 200);
  EXPECT_EQ(ledger.Commit(0, {10, 20}), (Ranges{{10, 20}}));
  EXPECT_EQ(NumCommitted(ledger, 0), 10);
  EXPECT_TRUE(ledger.is_committed(0, 10) && ledger.is_committed(0, 19));
  EXPECT_FALSE(ledger.is_committed(0, 9) || ledger.is_committed(0, 20));
  // All of it again, from another rank; a part of it; and ranges that extend beyond it on either
  // side and on both.
  EXPECT_EQ(ledger.Commit(0, {10, 20}), Ranges{});
  EXPECT_EQ(ledger.Commit(0, {12, 13}), Ranges{});
  EXPECT_EQ(ledger.Commit(0, {8, 12}), (Ranges{{8, 10}}));
  EXPECT_EQ(ledger.Commit(0, {19, 21}), (Ranges{{20, 21}}));
  EXPECT_EQ(ledger.Commit(0, {0, 200}), (Ranges{{0, 8}, {21, 200}}));
  EXPECT_EQ(NumCommitted(ledger, 0), 200);
}

// The ledger stores its bits in words of 64 chunks.
TEST(LedgerTest, RangesMayBeginAndEndAtAnyBit) {
  for (const ChunkRange range : Ranges{
           {0, 64}, {63, 65}, {64, 128}, {1, 192}, {127, 129}, {191, 193}, {192, 193}, {0, 193}}) {
    Ledger ledger({193}, 3);
    EXPECT_EQ(ledger.Commit(0, range), Ranges{range});
    for (ChunkId chunk = 0; chunk < 193; ++chunk) {
      ASSERT_EQ(ledger.is_committed(0, chunk), range.begin <= chunk && chunk < range.end)
          << chunk << " of " << range.begin;
    }
    Ranges others;
    if (range.begin > 0) others.push_back({0, range.begin});
    if (range.end < 193) others.push_back({range.end, 193});
    EXPECT_EQ(ledger.Commit(0, {0, 193}), others);
  }
}

TEST(LedgerTest, AJobWithoutChunks) {
  Ledger ledger({0}, 3);
  EXPECT_EQ(NumCommitted(ledger, 0), ledger.num_chunks(0));
  EXPECT_TRUE(ledger.Withdraw({1}, {}).empty());
}

TEST(LedgerTest, CountsFailuresAndForgetsTheRankThatHadTheChunk) {
  Ledger ledger({100}, 3);
  ledger.Assign(1, {0, 0, {10, 20}});
  EXPECT_EQ(ledger.Fail(0, 13), 1);
  ASSERT_EQ(ledger.in_flight(1).size(), 2u);
  EXPECT_EQ(ledger.in_flight(1)[0].assignment, (Assignment{0, 0, {10, 13}}));
  EXPECT_EQ(ledger.in_flight(1)[1].assignment, (Assignment{0, 0, {14, 20}}));
  EXPECT_EQ(ledger.in_flight(1)[1].missing, 6);
  EXPECT_EQ(ledger.Fail(0, 13), 2);
  ledger.Assign(2, {0, 2, {13, 14}});
  EXPECT_EQ(ledger.Commit(0, {10, 20}), (Ranges{{10, 20}}));
  EXPECT_TRUE(ledger.in_flight(1).empty() && ledger.in_flight(2).empty());
  // The chunk is committed despite its failures.
  EXPECT_EQ(ledger.Fail(0, 13), 0);
  EXPECT_TRUE(ledger.is_committed(0, 13));
}

TEST(LedgerTest, QuarantinedChunksAreNeverCommitted) {
  Ledger ledger({100, 5}, 3);
  ledger.Assign(1, {0, 0, {0, 10}});
  ledger.Quarantine(0, 4);
  EXPECT_TRUE(ledger.is_quarantined(0, 4) && !ledger.is_committed(0, 4) &&
              !ledger.is_quarantined(0, 5) && !ledger.is_quarantined(1, 4));
  EXPECT_EQ(ledger.Commit(0, {0, 10}), (Ranges{{0, 4}, {5, 10}}));
  EXPECT_EQ(NumCommitted(ledger, 0), 9);
  EXPECT_EQ(ledger.Fail(0, 4), 0);
  ledger.Quarantine(0, 4);
  ledger.Quarantine(0, 5);  // already committed
  EXPECT_EQ(NumCommitted(ledger, 0), 9);
  EXPECT_TRUE(ledger.Withdraw({1}, {}).empty());
}

TEST(LedgerTest, CopiesEachAssignmentOnceAndInOrder) {
  Ledger ledger({100}, 3);
  ledger.Assign(1, {0, 0, {0, 10}});
  ledger.Assign(1, {0, 1, {20, 30}});
  ledger.Commit(0, {3, 5});
  EXPECT_EQ(ledger.Copy(1), (std::vector<Assignment>{{0, 0, {0, 3}}, {0, 0, {5, 10}}}));
  EXPECT_EQ(ledger.Copy(1), (std::vector<Assignment>{{0, 1, {20, 30}}}));
  EXPECT_TRUE(ledger.Copy(1).empty());
  EXPECT_TRUE(ledger.Copy(2).empty());
}

TEST(LedgerTest, WithdrawsUnfinishedChunks) {
  Ledger ledger({100}, 8);
  ledger.Assign(1, {0, 0, {0, 10}});
  ledger.Assign(2, {0, 0, {10, 20}});
  ledger.Assign(1, {0, 3, {20, 30}});
  ledger.Commit(0, {0, 4});
  ledger.Commit(0, {22, 25});  // whichever rank it comes from
  EXPECT_EQ(ledger.Withdraw({1}, {}),
            (std::vector<Assignment>{{0, 0, {4, 10}}, {0, 3, {20, 22}}, {0, 3, {25, 30}}}));
  EXPECT_TRUE(ledger.Withdraw({1}, {}).empty());
  EXPECT_TRUE(ledger.Withdraw({7}, {}).empty());
  // A late result of a withdrawn chunk counts.
  EXPECT_EQ(ledger.Commit(0, {4, 6}), (Ranges{{4, 6}}));
  EXPECT_EQ(ledger.Withdraw({2}, {}), (std::vector<Assignment>{{0, 0, {10, 20}}}));
}

TEST(LedgerTest, FinishedAssignmentsAreForgotten) {
  Ledger ledger({10}, 2);
  ledger.Assign(1, {0, 0, {0, 10}});
  ledger.Commit(0, {0, 5});
  ledger.Commit(0, {5, 10});
  EXPECT_TRUE(ledger.Withdraw({1}, {}).empty());
}

TEST(LedgerTest, AssignmentsShrinkWhicheverRankProcessesThem) {
  Ledger ledger({50, 50}, 3);
  ledger.Assign(1, {1, 0, {10, 20}});
  ledger.Assign(1, {0, 0, {10, 20}});
  ledger.Assign(2, {1, 0, {20, 30}});
  ledger.Commit(1, {15, 24});
  ASSERT_EQ(ledger.in_flight(1).size(), 2u);
  EXPECT_EQ(ledger.in_flight(1)[0].missing, 5);
  EXPECT_EQ(ledger.in_flight(1)[1].missing, 10);
  ASSERT_EQ(ledger.in_flight(2).size(), 1u);
  EXPECT_EQ(ledger.in_flight(2)[0].missing, 6);
  ledger.Commit(1, {10, 15});
  ASSERT_EQ(ledger.in_flight(1).size(), 1u);
  EXPECT_EQ(ledger.in_flight(1)[0].assignment, (Assignment{0, 0, {10, 20}}));
  // Committed chunks are not in flight again.
  ledger.Assign(2, {1, 1, {10, 12}});
  EXPECT_EQ(ledger.in_flight(2).size(), 1u);
}

// Ranks 1 and 2 share a node; 2 has died after it had taken chunks 6 and 7 from 1.
TEST(LedgerTest, ChunksHeldByTheLivingAreNotAssignedAgain) {
  Ledger ledger({100}, 4);
  ledger.Assign(1, {0, 0, {0, 10}});
  ledger.Assign(2, {0, 2, {10, 20}});
  ledger.Assign(3, {0, 0, {20, 30}});
  ledger.Commit(0, {0, 2});
  ledger.Commit(0, {10, 12});
  const std::vector<Assignment> lost = ledger.Withdraw(
      {1, 2},
      {{1, {0, 0, {4, 6}}}, {1, {0, 0, {1, 3}}}, {1, {0, 0, {18, 20}}}, {1, {0, 0, {8, 10}}}});
  EXPECT_EQ(lost, (std::vector<Assignment>{{0, 0, {3, 4}}, {0, 0, {6, 8}}, {0, 2, {12, 18}}}));
  EXPECT_TRUE(ledger.in_flight(2).empty());
  Index held = 0;
  for (const Ledger::InFlight& one : ledger.in_flight(1)) held += one.missing;
  EXPECT_EQ(held, 7);  // 2, 4, 5, 8, 9, 18, 19; chunk 1 is committed
  EXPECT_EQ(ledger.in_flight(3).size(), 1u);
}

// A reference implementation: a set of committed chunks, and lists of assignments.
class Model {
 public:
  explicit Model(Index num_chunks) : num_chunks_(num_chunks) {}

  void Assign(int rank, const Assignment& assignment) { in_flight_[rank].push_back(assignment); }
  Ranges Commit(ChunkRange chunks) {
    const Ranges fresh = Open(chunks);
    for (ChunkId chunk = chunks.begin; chunk < chunks.end; ++chunk) committed_.insert(chunk);
    return fresh;
  }
  std::vector<Assignment> Withdraw(int rank) {
    std::vector<Assignment> open;
    for (const Assignment& assignment : in_flight_[rank]) {
      for (const ChunkRange& part : Open(assignment.chunks))
        open.push_back({assignment.job, assignment.attempt, part});
    }
    in_flight_[rank].clear();
    return open;
  }
  const std::set<ChunkId>& committed() const { return committed_; }

 private:
  Ranges Open(ChunkRange chunks) const {
    Ranges open;
    for (ChunkId chunk = chunks.begin; chunk < chunks.end; ++chunk) {
      if (committed_.count(chunk) != 0) continue;
      if (!open.empty() && open.back().end == chunk) {
        ++open.back().end;
      } else {
        open.push_back({chunk, chunk + 1});
      }
    }
    return open;
  }

  Index num_chunks_;
  std::set<ChunkId> committed_;
  std::map<int, std::vector<Assignment>> in_flight_;
};

TEST(LedgerTest, AgreesWithASet) {
  const std::uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    const Index num_chunks = 1 + static_cast<Index>(random() % 400);
    const Index longest = 1 + static_cast<Index>(random() % 100);
    Ledger ledger({num_chunks}, 4);
    Model model(num_chunks);
    const auto any_range = [&] {
      const ChunkId begin = static_cast<ChunkId>(random()) % num_chunks;
      return ChunkRange{
          begin, std::min<ChunkId>(num_chunks, begin + 1 + static_cast<Index>(random()) % longest)};
    };
    for (int step = 0; step < 60; ++step) {
      const int rank = 1 + static_cast<int>(random() % 3);
      switch (random() % 4) {
        case 0: {
          const Assignment assignment{0, step, any_range()};
          ledger.Assign(rank, assignment);
          model.Assign(rank, assignment);
          break;
        }
        case 1:
          ASSERT_EQ(ledger.Withdraw({rank}, {}), model.Withdraw(rank))
              << "round " << round << ", step " << step;
          break;
        default: {
          const ChunkRange chunks = any_range();
          ASSERT_EQ(ledger.Commit(0, chunks), model.Commit(chunks))
              << "round " << round << ", step " << step;
        }
      }
      ASSERT_EQ(NumCommitted(ledger, 0), static_cast<Index>(model.committed().size()));
    }
    for (ChunkId chunk = 0; chunk < num_chunks; ++chunk) {
      ASSERT_EQ(ledger.is_committed(0, chunk), model.committed().count(chunk) != 0)
          << "round " << round << ", chunk " << chunk;
    }
  }
}

}  // namespace
}  // namespace mpaio
