// SPDX-License-Identifier: Apache-2.0
#include "workers/order/unique_values.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

template <typename T>
UniqueValues UniqueOf(const std::vector<T>& values) {
  return UniqueValues::Of(reinterpret_cast<const std::byte*>(values.data()),
                          static_cast<Index>(values.size()), DType::Of<T>());
}

template <typename T>
std::vector<T> Values(const UniqueValues& unique) {
  std::vector<T> values(unique.values.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), unique.values.data(), unique.values.size());
  return values;
}

TEST(UniqueValues, NaNsAreOneAndTheFirstZeroIsKept) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const UniqueValues unique = UniqueOf<double>({nan, -0.0, 1, 0.0, -nan, 1});
  const std::vector<double> values = Values<double>(unique);
  ASSERT_EQ(values.size(), 3u);
  EXPECT_TRUE(values[0] == 0 && std::signbit(values[0]));
  EXPECT_EQ(values[1], 1);
  EXPECT_TRUE(std::isnan(values[2]));
  EXPECT_THAT(unique.counts, testing::ElementsAre(2, 2, 2));
}

TEST(UniqueValues, AnyNonzeroByteOfABoolIsTrue) {
  const DType dtype = DType::Of<Bool>();
  const std::vector<std::uint8_t> bytes = {0xFF, 0, 2, 1, 0};
  const UniqueValues unique =
      UniqueValues::Of(reinterpret_cast<const std::byte*>(bytes.data()), 5, dtype);
  EXPECT_THAT(Values<std::uint8_t>(unique), testing::ElementsAre(0, 1));
  EXPECT_THAT(unique.counts, testing::ElementsAre(2, 3));
}

// In order: NaN imaginary parts, then NaN real parts; all are one value, the first of them.
TEST(UniqueValues, ComplexNaNsAreOneAcrossPieces) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  using Complex = std::complex<double>;
  const DType dtype = DType::Of<Complex>();
  const UniqueValues a = UniqueOf<Complex>({{nan, 1}, {2, 3}, {nan, nan}});
  const UniqueValues b = UniqueOf<Complex>({{5, nan}, {2, 3}, {1, 9}});
  for (const UniqueValues& merged :
       {UniqueValues::Merge(a, b, dtype), UniqueValues::Merge(b, a, dtype)}) {
    const std::vector<Complex> values = Values<Complex>(merged);
    ASSERT_EQ(values.size(), 3u);
    EXPECT_EQ(values[0], Complex(1, 9));
    EXPECT_EQ(values[1], Complex(2, 3));
    EXPECT_EQ(values[2].real(), 5);
    EXPECT_TRUE(std::isnan(values[2].imag()));
    EXPECT_THAT(merged.counts, testing::ElementsAre(1, 2, 3));
  }
}

TEST(UniqueMerger, PiecesMakeAWhole) {
  const unsigned seed = 61;
  std::mt19937_64 random(seed);
  for (const std::size_t piece : {1, 3, 100, 5000}) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << ", pieces of " << piece);
    UniqueMerger merger(DType::Of<std::int64_t>());
    std::map<std::int64_t, Index> expected;
    for (std::size_t begin = 0; begin < 5000; begin += piece) {
      std::vector<std::int64_t> values(std::min<std::size_t>(piece, 5000 - begin));
      for (std::int64_t& value : values)
        ++expected[value = static_cast<std::int64_t>(random() % 700) - 350];
      merger.Add(UniqueOf(values));
    }
    std::vector<std::int64_t> values;
    std::vector<Index> counts;
    for (const auto& [value, count] : expected) {
      values.push_back(value);
      counts.push_back(count);
    }
    EXPECT_EQ(Values<std::int64_t>(merger.Total()), values);
    EXPECT_EQ(merger.Total().counts, counts);
  }
  UniqueMerger nothing(DType::Of<double>());
  EXPECT_TRUE(nothing.Total().counts.empty());
}

}  // namespace
}  // namespace mpaio
