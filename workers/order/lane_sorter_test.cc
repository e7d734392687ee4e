// SPDX-License-Identifier: Apache-2.0
#include "workers/order/lane_sorter.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

std::vector<Index> SortedIndices(const std::string& bytes, const DType& dtype, Index first) {
  std::vector<Index> indices(bytes.size() / static_cast<std::size_t>(dtype.itemsize_bytes()));
  LaneSorter(dtype).SortIndices(reinterpret_cast<const std::byte*>(bytes.data()),
                                static_cast<Index>(indices.size()), first, indices.data());
  return indices;
}

// Words that share the eight bytes of the key, and padding that sorts before any letter.
TEST(LaneSorter, SortsBytesAfterTheKey) {
  const std::string words(
      "abcdefghz\0"
      "abcdefgha\0"
      "abcdefgh\0\0"
      "abcdefgha\0"
      "a\0\0\0\0\0\0\0\0\0",
      50);
  EXPECT_THAT(SortedIndices(words, DType::Bytes(10), 100),
              testing::ElementsAre(104, 102, 101, 103, 100));
  std::string sorted(50, ' ');
  LaneSorter(DType::Bytes(10))
      .SortValues(reinterpret_cast<const std::byte*>(words.data()), 5,
                  reinterpret_cast<std::byte*>(sorted.data()));
  EXPECT_EQ(sorted, words.substr(40, 10) + words.substr(20, 10) + words.substr(10, 10) +
                        words.substr(10, 10) + words.substr(0, 10));
}

// Invalid code points, of more than 21 bits.
TEST(LaneSorter, SortsAnyCodePoints) {
  const std::vector<std::uint32_t> words = {0xFFFFFFFF, 1, 0x1FFFFF, 2,        0x200000,
                                            0,          5, 9,        0x1FFFFF, 1};
  std::string bytes(words.size() * 4, '\0');
  std::memcpy(bytes.data(), words.data(), bytes.size());
  EXPECT_THAT(SortedIndices(bytes, DType::Unicode(2), 0), testing::ElementsAre(3, 4, 1, 2, 0));
}

// Compares with std::stable_sort of the words themselves.
TEST(LaneSorter, SortsRandomWords) {
  const unsigned seed = 71;
  std::mt19937_64 random(seed);
  const Index width = 11;
  std::string bytes;
  std::vector<std::string> words;
  for (int i = 0; i < 3000; ++i) {
    std::string word(static_cast<std::size_t>(width), '\0');
    for (char& c : word) c = static_cast<char>(random() % 2 == 0 ? 'a' : random() % 256);
    if (i % 3 == 0 && i > 0) word = words[random() % words.size()];
    words.push_back(word);
    bytes += word;
  }
  std::vector<Index> expected(words.size());
  std::iota(expected.begin(), expected.end(), 0);
  std::stable_sort(expected.begin(), expected.end(), [&](Index a, Index b) {
    return words[static_cast<std::size_t>(a)] < words[static_cast<std::size_t>(b)];
  });
  EXPECT_EQ(SortedIndices(bytes, DType::Bytes(width), 0), expected) << "seed " << seed;
}

}  // namespace
}  // namespace mpaio
