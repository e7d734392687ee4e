// SPDX-License-Identifier: Apache-2.0
#include "mpaio/chunk/chunk_set.h"

#include <cstdint>
#include <iostream>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "mpaio/chunk/chunk_bits.h"

namespace mpaio {
namespace {

TEST(ChunkSetTest, FirstAbsentJoinsAdjacentRanges) {
  ChunkSet set;
  EXPECT_EQ(set.FirstAbsent(), 0);
  EXPECT_FALSE(set.Add({2, 4}));
  EXPECT_EQ(set.FirstAbsent(), 0);
  EXPECT_FALSE(set.Add({0, 2}));
  EXPECT_EQ(set.FirstAbsent(), 4);
}

TEST(ChunkSetTest, NamesAChunkThatItHas) {
  ChunkSet set;
  EXPECT_FALSE(set.Add({10, 20}));
  EXPECT_EQ(set.Add({12, 30}), 12);
  EXPECT_EQ(set.Add({5, 11}), 10);
  EXPECT_EQ(set.Add({0, 100}), 10);
  EXPECT_FALSE(set.Add({20, 30}));
  EXPECT_FALSE(set.Add({0, 10}));
  EXPECT_EQ(set.FirstAbsent(), 30);
}

// Both kinds of set against std::set, with random ranges.
TEST(ChunkSetTest, AgreesWithAModel) {
  const std::uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  constexpr Index kBound = 300;
  for (int round = 0; round < 200; ++round) {
    ChunkSet set;
    ChunkBits bits(kBound);
    std::set<ChunkId> model;
    for (int k = 0; k < 40; ++k) {
      const ChunkId begin = static_cast<ChunkId>(random() % kBound);
      const ChunkRange chunks{
          begin, begin + 1 + static_cast<Index>(random()) % std::min<Index>(kBound - begin, 100)};
      std::vector<ChunkRange> missing;
      for (ChunkId chunk = chunks.begin; chunk < chunks.end; ++chunk) {
        if (model.count(chunk) != 0) continue;
        if (missing.empty() || missing.back().end != chunk) missing.push_back({chunk, chunk});
        missing.back().end = chunk + 1;
      }
      EXPECT_EQ(bits.Missing(chunks), missing);
      const bool is_new = missing.size() == 1 && missing[0] == chunks;
      const std::optional<ChunkId> present = set.Add(chunks);
      ASSERT_EQ(!present.has_value(), is_new);
      if (present) {
        EXPECT_TRUE(*present >= chunks.begin && *present < chunks.end && model.count(*present));
        // Half of the time add what is missing.
        if (random() % 2 == 0) continue;
        for (const ChunkRange& part : missing) EXPECT_FALSE(set.Add(part));
      }
      for (const ChunkRange& part : missing) bits.Add(part);
      for (ChunkId chunk = chunks.begin; chunk < chunks.end; ++chunk) model.insert(chunk);
      ChunkId absent = 0;
      while (model.count(absent) != 0) ++absent;
      EXPECT_EQ(set.FirstAbsent(), absent);
      for (ChunkId chunk = 0; chunk < kBound; ++chunk)
        ASSERT_EQ(bits.contains(chunk), model.count(chunk) != 0);
    }
  }
}

}  // namespace
}  // namespace mpaio
