// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/rank_search.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

// Searches keys in pieces of `piece`, and sets `*passes` to the number of passes.
std::vector<std::uint64_t> Search(const std::vector<std::uint64_t>& keys, int key_bits,
                                  const std::vector<Index>& ranks, Index max_collected,
                                  std::size_t piece, int* passes) {
  RankSearch search(key_bits, ranks, max_collected);
  *passes = 0;
  do {
    ++*passes;
    std::size_t collected = 0;
    for (std::size_t begin = 0; begin < keys.size(); begin += piece) {
      const std::span<const std::uint64_t> some =
          std::span(keys).subspan(begin, std::min(piece, keys.size() - begin));
      RankScan scan(search.pass(), static_cast<Index>(some.size()));
      scan.Add(some.first(some.size() / 2));
      scan.Add(some.subspan(some.size() / 2));
      const RankFindings findings = scan.Take();
      collected += findings.keys.size();
      search.Add(findings);
    }
    EXPECT_LE(collected, static_cast<std::size_t>(max_collected));
    if (*passes > 20) ADD_FAILURE() << "the search does not end";
  } while (*passes <= 20 && search.Advance());
  EXPECT_EQ(search.max_key(), *std::max_element(keys.begin(), keys.end()));
  return search.keys();
}

TEST(RankSearch, AgreesWithSorting) {
  const unsigned seed = 41;
  std::mt19937_64 random(seed);
  for (const int key_bits : {8, 16, 32, 64}) {
    for (const int different_bits : {0, 3, 20, 60}) {
      for (const std::size_t size : {1, 2, 100, 3000}) {
        for (const Index max_collected : {0, 1, 50, 1000000}) {
          SCOPED_TRACE(testing::Message()
                       << "seed " << seed << ", bits " << key_bits << ", different "
                       << different_bits << ", size " << size << ", collects " << max_collected);
          const std::uint64_t mask =
              key_bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << key_bits) - 1;
          const std::uint64_t base = random();
          std::vector<std::uint64_t> keys(size);
          for (std::uint64_t& key : keys)
            key = (base + (different_bits == 0 ? 0 : random() >> (64 - different_bits))) & mask;
          std::vector<Index> ranks;
          for (Index rank = 0; rank < static_cast<Index>(size); ++rank) {
            if (random() % size < 40) ranks.push_back(rank);
          }
          if (ranks.empty()) ranks.push_back(0);
          int passes = 0;
          const std::vector<std::uint64_t> found =
              Search(keys, key_bits, ranks, max_collected, 700, &passes);
          std::sort(keys.begin(), keys.end());
          ASSERT_EQ(found.size(), ranks.size());
          for (std::size_t r = 0; r < ranks.size(); ++r)
            EXPECT_EQ(found[r], keys[static_cast<std::size_t>(ranks[r])]) << "rank " << ranks[r];
        }
      }
    }
  }
}

// The largest prefix is all ones. Without collection, 64 bits take four passes of 16.
TEST(RankSearch, TakesFewPasses) {
  std::vector<std::uint64_t> keys(1000, ~std::uint64_t{0});
  int passes = 0;
  EXPECT_EQ(Search(keys, 64, {999}, 0, 100, &passes).front(), ~std::uint64_t{0});
  EXPECT_EQ(passes, 1);
  // Small integers: their common leading bits are skipped.
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = (std::uint64_t{1} << 63) + i;
  EXPECT_EQ(Search(keys, 64, {500}, 0, 100, &passes).front(), (std::uint64_t{1} << 63) + 500);
  EXPECT_EQ(passes, 2);
  std::mt19937_64 random(5);
  for (std::uint64_t& key : keys) key = random();
  Search(keys, 64, {0, 500, 999}, 1000000, 100, &passes);
  EXPECT_EQ(passes, 2);
  Search(keys, 64, {0, 500, 999}, 0, 100, &passes);
  EXPECT_LE(passes, 4);
}

}  // namespace
}  // namespace mpaio
