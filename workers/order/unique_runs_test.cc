// SPDX-License-Identifier: Apache-2.0
#include "workers/order/unique_runs.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "workers/order/unique_values.h"

namespace mpaio {
namespace {

using testing::ElementsAre;

// Runs in slots of an array, as ranks write them, with gaps between them.
template <typename T>
struct Slots {
  explicit Slots(const std::vector<std::vector<T>>& pieces) {
    Index longest = 1;
    for (const std::vector<T>& piece : pieces)
      longest = std::max(longest, static_cast<Index>(piece.size()));
    const auto size = static_cast<std::size_t>(longest) * pieces.size();
    values.resize(size);
    counts.resize(size, 99);
    for (std::size_t p = 0; p < pieces.size(); ++p) {
      const UniqueValues unique =
          UniqueValues::Of(reinterpret_cast<const std::byte*>(pieces[p].data()),
                           static_cast<Index>(pieces[p].size()), DType::Of<T>());
      const Index begin = static_cast<Index>(p) * longest;
      rows.push_back({begin, begin + static_cast<Index>(unique.counts.size())});
      if (!unique.values.empty())
        std::memcpy(&values[static_cast<std::size_t>(begin)], unique.values.data(),
                    unique.values.size());
      std::copy(unique.counts.begin(), unique.counts.end(), counts.begin() + begin);
    }
  }

  UniqueRuns Runs() const {
    return UniqueRuns(reinterpret_cast<const std::byte*>(values.data()), counts.data(),
                      DType::Of<T>(), rows);
  }

  std::vector<T> values;
  std::vector<UniqueRuns::Count> counts;
  std::vector<RowRange> rows;
};

template <typename T>
struct Merged {
  std::vector<T> values;
  std::vector<Index> counts;
  std::vector<Index> lengths;  // of the parts
};

template <typename T>
Merged<T> MergeAll(const UniqueRuns& runs, const std::vector<Index>& borders) {
  Merged<T> all;
  for (Index number = 0; number <= static_cast<Index>(borders.size()); ++number) {
    const UniqueRuns::Part part = runs.Merge(borders, number);
    std::vector<T> values(static_cast<std::size_t>(part.size()));
    std::vector<Index> counts(values.size());
    part.CopyValues(reinterpret_cast<std::byte*>(values.data()));
    part.CopyCounts(counts.data());
    all.values.insert(all.values.end(), values.begin(), values.end());
    all.counts.insert(all.counts.end(), counts.begin(), counts.end());
    all.lengths.push_back(part.size());
    EXPECT_EQ(runs.CountValues(borders, number), part.size());
  }
  return all;
}

// The example in the header.
TEST(UniqueRuns, ABorderIsAValueAndBeginsAPart) {
  const Slots<std::int64_t> slots({{5, 1, 5}, {6, 5}, {0, 5, 0}});
  const UniqueRuns runs = slots.Runs();
  // Row 1 is the 5 of the first run.
  const Merged<std::int64_t> merged = MergeAll<std::int64_t>(runs, {1});
  EXPECT_THAT(merged.values, ElementsAre(0, 1, 5, 6));
  EXPECT_THAT(merged.counts, ElementsAre(2, 1, 4, 1));
  EXPECT_THAT(merged.lengths, ElementsAre(2, 2));
}

TEST(UniqueRuns, OneRunStaysAsItIs) {
  const Slots<std::int64_t> slots({{3, 1, 3}});
  const Merged<std::int64_t> merged = MergeAll<std::int64_t>(slots.Runs(), {});
  EXPECT_THAT(merged.values, ElementsAre(1, 3));
  EXPECT_THAT(merged.counts, ElementsAre(1, 2));
}

// All parts together equal one merge of everything, and each has about the requested length.
TEST(UniqueRuns, PartsTogetherAreTheWhole) {
  std::mt19937_64 random(42);  // the same numbers each time
  for (const std::int64_t most : {3, 1000, 1'000'000'000}) {
    std::vector<std::vector<std::int64_t>> pieces(7);
    std::vector<std::int64_t> all;
    for (std::vector<std::int64_t>& piece : pieces) {
      for (int i = 0; i < 500; ++i)
        piece.push_back(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most)) -
                        most / 2);
      all.insert(all.end(), piece.begin(), piece.end());
    }
    const UniqueValues expected =
        UniqueValues::Of(reinterpret_cast<const std::byte*>(all.data()),
                         static_cast<Index>(all.size()), DType::Of<std::int64_t>());
    const Slots<std::int64_t> slots(pieces);
    const UniqueRuns runs = slots.Runs();
    for (const Index part_rows : {8, 100, 100'000}) {
      const std::vector<Index> borders = runs.ChooseBorders(part_rows, 4);
      const Merged<std::int64_t> merged = MergeAll<std::int64_t>(runs, borders);
      EXPECT_EQ(std::string(reinterpret_cast<const char*>(merged.values.data()),
                            merged.values.size() * sizeof(std::int64_t)),
                expected.values);
      EXPECT_EQ(merged.counts, expected.counts);
      for (const Index length : merged.lengths) EXPECT_LE(length, part_rows + 7 * 4);
      EXPECT_EQ(borders.empty(), most == 3 || part_rows == 100'000);
    }
  }
}

TEST(UniqueRuns, TheZeroOfTheFirstRunIsKept) {
  const Slots<double> slots({{0.5, -0.0}, {0.0, -1}});
  const Merged<double> merged = MergeAll<double>(slots.Runs(), {});
  EXPECT_THAT(merged.values, ElementsAre(-1, 0, 0.5));
  EXPECT_TRUE(std::signbit(merged.values[1]));
  EXPECT_THAT(merged.counts, ElementsAre(1, 2, 1));
}

// NaNs differ in numpy's order, so that any of them may be a border; yet all are in one part.
TEST(UniqueRuns, ComplexNaNsAreOneWhateverTheBorder) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  using Complex = std::complex<double>;
  const Slots<Complex> slots({{{1, 1}, {7, nan}, {nan, 3}}, {{2, nan}}, {{nan, nan}, {0, 2}}});
  const UniqueRuns runs = slots.Runs();
  for (const RowRange run : slots.rows) {
    const Merged<Complex> merged = MergeAll<Complex>(runs, {run.end - 1});
    ASSERT_EQ(merged.values.size(), 3u);
    EXPECT_EQ(merged.values[0], Complex(0, 2));
    EXPECT_EQ(merged.values[1], Complex(1, 1));
    EXPECT_EQ(merged.values[2].real(), 2);
    EXPECT_TRUE(std::isnan(merged.values[2].imag()));
    EXPECT_THAT(merged.counts, ElementsAre(1, 1, 4));
    EXPECT_THAT(merged.lengths, ElementsAre(2, 1));
  }
}

}  // namespace
}  // namespace mpaio
