// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/wide.h"

#include <array>
#include <complex>
#include <cstring>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/float16.h"

namespace mpaio {
namespace {

using testing::ElementsAre;

template <typename W, typename T>
std::vector<W> Widened(const std::vector<T>& values, Index stride = 1) {
  std::vector<T> spread(values.size() * static_cast<std::size_t>(stride));
  for (std::size_t i = 0; i < values.size(); ++i)
    spread[i * static_cast<std::size_t>(stride)] = values[i];
  WideReader<W> reader(reinterpret_cast<const std::byte*>(spread.data()), DType::Of<T>(),
                       stride * static_cast<Index>(sizeof(T)));
  const auto read = reader.Read(1, static_cast<Index>(values.size()) - 1);
  EXPECT_EQ(reader.is_direct(), (std::is_same_v<T, W>)&&stride == 1);
  return {read.begin(), read.end()};
}

template <typename W, typename T>
void ExpectExact() {
  const T least = std::numeric_limits<T>::lowest(), most = std::numeric_limits<T>::max();
  for (const Index stride : {1, 3}) {
    EXPECT_THAT((Widened<W, T>({T(7), least, most, T(1)}, stride)),
                ElementsAre(static_cast<W>(least), static_cast<W>(most), static_cast<W>(T(1))))
        << DType::Of<T>().name();
  }
}

TEST(WideReader, ReadsEveryTypeExactlyAtAnyStride) {
  ExpectExact<std::int64_t, std::int8_t>();
  ExpectExact<std::int64_t, std::int16_t>();
  ExpectExact<std::int64_t, std::int32_t>();
  ExpectExact<std::int64_t, std::int64_t>();
  ExpectExact<std::uint64_t, std::uint8_t>();
  ExpectExact<std::uint64_t, std::uint16_t>();
  ExpectExact<std::uint64_t, std::uint32_t>();
  ExpectExact<std::uint64_t, std::uint64_t>();
  ExpectExact<double, float>();
  ExpectExact<double, double>();
  ExpectExact<long double, long double>();
  EXPECT_THAT((Widened<double, Float16>({Float16(0.0), Float16(-1.5), Float16(65504.0)})),
              ElementsAre(-1.5, 65504.0));
  EXPECT_THAT((Widened<std::complex<double>, std::complex<float>>({{}, {1.5f, -2.0f}})),
              ElementsAre(std::complex<double>(1.5, -2.0)));
}

TEST(WideReader, AnyByteButZeroIsTrue) {
  const std::array<std::uint8_t, 4> bytes = {0, 1, 2, 255};
  WideReader<std::int64_t> reader(reinterpret_cast<const std::byte*>(bytes.data()),
                                  DType::Of<bool>(), 1);
  EXPECT_THAT(reader.Read(0, 4), ElementsAre(0, 1, 1, 1));
}

TEST(WideReader, EveryNumericTypeIsReadAsOneKind) {
  for (const char* code : {"?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8",
                           "g", "c8", "c16", "M8[ns]", "m8[s]"}) {
    const DType dtype = DType::Parse(code).value();
    const int kinds = (FindWiden<std::int64_t>(dtype) != nullptr) +
                      (FindWiden<std::uint64_t>(dtype) != nullptr) +
                      (FindWiden<double>(dtype) != nullptr) +
                      (FindWiden<std::complex<double>>(dtype) != nullptr) +
                      (FindWiden<long double>(dtype) != nullptr);
    EXPECT_EQ(kinds, 1) << code;
    EXPECT_NE(WideKindOf(dtype), WideKind::kNone) << code;
  }
  for (const char* code : {"S5", "U5", "V8", "G"})
    EXPECT_EQ(WideKindOf(DType::Parse(code).value()), WideKind::kNone) << code;
}

}  // namespace
}  // namespace mpaio
