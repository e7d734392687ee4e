// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/sparse_counts.h"

#include <cstdint>
#include <map>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

SparseCounts Expected(const std::map<std::uint64_t, Index>& counts) {
  SparseCounts expected;
  for (const auto& [slot, count] : counts) expected.push_back({slot, count});
  return expected;
}

TEST(SlotCounter, CountsDenseAndSparse) {
  const unsigned seed = 31;
  std::mt19937_64 random(seed);
  for (const std::uint64_t num_slots : {1ull, 10ull, 4096ull, 4097ull, 1000000ull, 1ull << 60}) {
    // The last size exceeds the number of slots that are gathered before they are counted.
    for (const int size : {0, 1, 1000, 3000000}) {
      if (size > 1000 && num_slots < 4097) continue;
      SCOPED_TRACE(testing::Message()
                   << "seed " << seed << ", slots " << num_slots << ", size " << size);
      SlotCounter counter(num_slots, 1000);
      std::map<std::uint64_t, Index> counts;
      const std::uint64_t step = num_slots < 5000 ? 1 : num_slots / 5000;
      for (int i = 0; i < size; ++i) {
        const std::uint64_t slot = random() % num_slots / step * step;
        counter.Add(slot);
        ++counts[slot];
      }
      EXPECT_EQ(counter.Take(), Expected(counts));
      EXPECT_EQ(counter.Take(), SparseCounts());
    }
  }
}

TEST(MergeCounts, AddsCounts) {
  EXPECT_EQ(MergeCounts({}, {}), SparseCounts());
  EXPECT_EQ(MergeCounts({{1, 2}}, {}), (SparseCounts{{1, 2}}));
  EXPECT_EQ(MergeCounts({{1, 2}, {5, 1}}, {{0, 7}, {5, 3}, {6, 1}}),
            (SparseCounts{{0, 7}, {1, 2}, {5, 4}, {6, 1}}));
}

}  // namespace
}  // namespace mpaio
