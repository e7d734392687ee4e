// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/radix_sort.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

// The key is a part of the element, so that the result shows the order of equal keys.
template <typename Bits, typename Key>
void ExpectStableSort(std::vector<Bits> values, Key key) {
  std::vector<Bits> expected = values;
  std::stable_sort(expected.begin(), expected.end(),
                   [&](Bits a, Bits b) { return key(a) < key(b); });
  std::vector<Bits> buffer(values.size());
  RadixSort(std::span(values), std::span(buffer), key);
  EXPECT_EQ(values, expected);
}

template <typename Bits>
void ExpectSorts(unsigned seed) {
  std::mt19937_64 random(seed);
  for (const std::size_t size : {0, 1, 2, 31, 32, 33, 100, 257, 5000}) {
    for (const int bits : {0, 1, 8, 9, 20, 40, 64}) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << ", size " << size << ", bits " << bits);
      std::vector<Bits> values(size);
      for (Bits& value : values) value = static_cast<Bits>(bits == 0 ? 7 : random() >> (64 - bits));
      ExpectStableSort(values, [](Bits value) { return value; });
      ExpectStableSort(values, [](Bits value) { return static_cast<Bits>(value & Bits{0xF0}); });
      ExpectStableSort(values, [](Bits value) { return static_cast<Bits>(~value >> 1); });
      std::sort(values.begin(), values.end());
      ExpectStableSort(values, [](Bits value) { return value; });
      std::reverse(values.begin(), values.end());
      ExpectStableSort(values, [](Bits value) { return value; });
    }
  }
}

TEST(RadixSort, SortsBytes) { ExpectSorts<std::uint8_t>(11); }
TEST(RadixSort, SortsHalves) { ExpectSorts<std::uint16_t>(12); }
TEST(RadixSort, SortsWords) { ExpectSorts<std::uint32_t>(13); }
TEST(RadixSort, SortsDoubleWords) { ExpectSorts<std::uint64_t>(14); }

TEST(RadixSort, CarriesIndices) {
  const unsigned seed = 15;
  std::mt19937_64 random(seed);
  for (const std::uint64_t different : {3, 1000, 1000000}) {
    std::vector<KeyedIndex> entries(20000);
    for (std::size_t i = 0; i < entries.size(); ++i)
      entries[i] = {random() % different << 30, static_cast<Index>(i)};
    std::vector<KeyedIndex> expected = entries;
    std::stable_sort(expected.begin(), expected.end(),
                     [](const KeyedIndex& a, const KeyedIndex& b) { return a.key < b.key; });
    std::vector<KeyedIndex> buffer(entries.size());
    RadixSort(std::span(entries), std::span(buffer), KeyOfIndex());
    for (std::size_t i = 0; i < entries.size(); ++i) {
      ASSERT_EQ(entries[i].index, expected[i].index) << "seed " << seed << ", at " << i;
      ASSERT_EQ(entries[i].key, expected[i].key);
    }
  }
}

}  // namespace
}  // namespace mpaio
