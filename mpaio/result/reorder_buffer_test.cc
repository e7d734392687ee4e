// SPDX-License-Identifier: Apache-2.0
#include "mpaio/result/reorder_buffer.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

using Firsts = std::vector<ChunkId>;

// Inserts a batch whose payload names its range, with 10 bytes per chunk.
absl::Status Insert(ReorderBuffer<std::string>& buffer, ChunkId first, Index count) {
  return buffer.Insert(first, count, std::to_string(first) + "+" + std::to_string(count),
                       10 * count);
}

Firsts PopAll(ReorderBuffer<std::string>& buffer) {
  Firsts firsts;
  while (auto batch = buffer.PopNext()) {
    EXPECT_EQ(batch->payload, std::to_string(batch->first) + "+" + std::to_string(batch->count));
    firsts.push_back(batch->first);
  }
  return firsts;
}

TEST(ReorderBufferTest, DeliversOutOfOrderArrivalsInOrder) {
  ReorderBuffer<std::string> buffer(Delivery::kInOrder);
  EXPECT_FALSE(buffer.PopNext().has_value());
  ASSERT_TRUE(Insert(buffer, 4, 2).ok());
  EXPECT_EQ(PopAll(buffer), Firsts{});
  ASSERT_TRUE(Insert(buffer, 0, 2).ok());
  EXPECT_EQ(buffer.held_bytes(), 40);
  EXPECT_EQ(PopAll(buffer), Firsts{0});
  EXPECT_EQ(buffer.frontier(), 2);
  EXPECT_EQ(buffer.held_bytes(), 20);
  ASSERT_TRUE(Insert(buffer, 2, 2).ok());
  EXPECT_EQ(buffer.held_bytes(), 40);
  EXPECT_EQ(PopAll(buffer), (Firsts{2, 4}));
  EXPECT_EQ(buffer.frontier(), 6);
  EXPECT_EQ(buffer.held_bytes(), 0);
}

TEST(ReorderBufferTest, DeliversAsCompletedInOrderOfArrival) {
  ReorderBuffer<std::string> buffer(Delivery::kAsCompleted);
  for (ChunkId first : {4, 0, 8}) ASSERT_TRUE(Insert(buffer, first, 2).ok());
  EXPECT_EQ(buffer.frontier(), 0);
  EXPECT_EQ(buffer.PopNext()->first, 4);
  EXPECT_EQ(buffer.frontier(), 0);
  EXPECT_EQ(buffer.PopNext()->first, 0);
  EXPECT_EQ(buffer.frontier(), 2);
  ASSERT_TRUE(Insert(buffer, 2, 2).ok());
  EXPECT_EQ(PopAll(buffer), (Firsts{8, 2}));
  EXPECT_EQ(buffer.frontier(), 6);  // [6, 8) has not arrived.
}

TEST(ReorderBufferTest, RefusesRepeatedChunks) {
  for (Delivery delivery : {Delivery::kInOrder, Delivery::kAsCompleted}) {
    ReorderBuffer<std::string> buffer(delivery);
    ASSERT_TRUE(Insert(buffer, 0, 2).ok());
    EXPECT_EQ(PopAll(buffer), Firsts{0});
    ASSERT_TRUE(Insert(buffer, 4, 4).ok());
    for (const auto& [first, count] : std::vector<std::pair<ChunkId, Index>>{{0, 1},
                                                                             {1, 1},
                                                                             {1, 2},
                                                                             {0, 20},
                                                                             {4, 4},
                                                                             {3, 2},
                                                                             {5, 1},
                                                                             {7, 1},
                                                                             {7, 5},
                                                                             {3, 9},
                                                                             {2, 3}}) {
      EXPECT_EQ(Insert(buffer, first, count).code(), absl::StatusCode::kAlreadyExists)
          << first << " " << count;
      EXPECT_EQ(buffer.Skip(first, count).code(), absl::StatusCode::kAlreadyExists)
          << first << " " << count;
    }
    EXPECT_EQ(buffer.held_bytes(), 40);
    // The gaps on both sides fit exactly.
    EXPECT_TRUE(Insert(buffer, 8, 1).ok());
    EXPECT_TRUE(Insert(buffer, 2, 2).ok());
    EXPECT_EQ(PopAll(buffer).size(), 3u);
    EXPECT_EQ(buffer.frontier(), 9);
  }
}

TEST(ReorderBufferTest, RefusesInvalidBatches) {
  ReorderBuffer<std::string> buffer(Delivery::kInOrder);
  EXPECT_EQ(Insert(buffer, -1, 2).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(buffer.Insert(0, 0, "", 0).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(buffer.Insert(0, 1, "", -1).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(buffer.Insert(2, std::numeric_limits<Index>::max() - 1, "", 0).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Insert(buffer, 0, 1).ok());
}

TEST(ReorderBufferTest, SkippedChunksDoNotBlock) {
  ReorderBuffer<std::string> buffer(Delivery::kInOrder);
  ASSERT_TRUE(Insert(buffer, 5, 1).ok());
  ASSERT_TRUE(Insert(buffer, 2, 1).ok());
  ASSERT_TRUE(buffer.Skip(3, 2).ok());
  EXPECT_EQ(PopAll(buffer), Firsts{});
  ASSERT_TRUE(buffer.Skip(0, 2).ok());
  EXPECT_EQ(buffer.frontier(), 2);
  EXPECT_EQ(PopAll(buffer), (Firsts{2, 5}));
  EXPECT_EQ(buffer.frontier(), 6);
}

TEST(ReorderBufferTest, PayloadsNeedOnlyBeMovable) {
  ReorderBuffer<std::unique_ptr<int>> buffer(Delivery::kInOrder);
  ASSERT_TRUE(buffer.Insert(0, 1, std::make_unique<int>(7), 4).ok());
  EXPECT_EQ(*buffer.PopNext()->payload, 7);
}

TEST(ReorderBufferTest, AnyOrderOfArrivalGivesChunkOrder) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::pair<ChunkId, Index>> batches;
    ChunkId next = 0;
    while (batches.size() < 30) {
      const Index count = 1 + static_cast<Index>(random() % 5);
      batches.emplace_back(next, count);
      next += count;
    }
    const auto in_order = batches;
    std::shuffle(batches.begin(), batches.end(), random);
    ReorderBuffer<std::string> buffer(Delivery::kInOrder);
    Firsts delivered;
    std::set<ChunkId> arrived;
    for (const auto& [first, count] : batches) {
      ASSERT_TRUE(Insert(buffer, first, count).ok());
      arrived.insert(first);
      if (random() % 3 == 0) continue;
      for (ChunkId popped : PopAll(buffer)) delivered.push_back(popped);
      // Everything before the first missing batch has been delivered, and nothing after it.
      ChunkId missing = next;
      for (const auto& [other, size] : in_order) {
        if (!arrived.contains(other)) {
          missing = other;
          break;
        }
      }
      ASSERT_EQ(buffer.frontier(), missing);
    }
    for (ChunkId popped : PopAll(buffer)) delivered.push_back(popped);
    Firsts expected;
    for (const auto& [first, count] : in_order) expected.push_back(first);
    EXPECT_EQ(delivered, expected);
    EXPECT_EQ(buffer.frontier(), next);
    EXPECT_EQ(buffer.held_bytes(), 0);
  }
}

}  // namespace
}  // namespace mpaio
