// SPDX-License-Identifier: Apache-2.0
#include "mpaio/array/elements.h"

#include <algorithm>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <iterator>
#include <limits>
#include <random>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/float16.h"
#include "mpaio/base/index.h"

namespace mpaio {
namespace {

static_assert(std::is_same_v<Elements<std::int64_t>, std::span<const std::int64_t>>);
static_assert(std::is_same_v<Elements<double>, std::span<const double>>);
static_assert(std::ranges::random_access_range<Elements<ByteString>>);
static_assert(std::ranges::random_access_range<Elements<UnicodeString>>);
static_assert(std::ranges::sized_range<Elements<UnicodeString>>);
static_assert(std::ranges::borrowed_range<Elements<UnicodeString>>);
static_assert(std::ranges::view<Elements<ByteString>>);
static_assert(std::is_same_v<std::ranges::range_value_t<Elements<ByteString>>, absl::string_view>);
static_assert(
    std::is_same_v<std::ranges::range_value_t<Elements<UnicodeString>>, std::u32string_view>);
static_assert(
    std::is_same_v<Elements<std::complex<double>>, std::span<const std::complex<double>>>);
static_assert(std::ranges::random_access_range<Elements<RawElement>>);
static_assert(std::ranges::sized_range<Elements<RawElement>>);
static_assert(std::ranges::borrowed_range<Elements<RawElement>>);
static_assert(NumericElement<Float16> && NumericElement<std::complex<long double>>);
static_assert(!NumericElement<bool> && !NumericElement<Bool>);
static_assert(sizeof(Bool) == 1 && sizeof(Datetime64) == 8 && sizeof(Timedelta64) == 8);

template <typename T>
Elements<T> Make(const void* data, Index n, const DType& dtype) {
  EXPECT_TRUE(ElementTraits<T>::Accepts(dtype));
  return ElementTraits<T>::Make(static_cast<const std::byte*>(data), n, dtype);
}

TEST(ElementTraits, AcceptsItsOwnTypeOnly) {
  const auto parse = [](absl::string_view descr) { return DType::Parse(descr).value(); };
  EXPECT_TRUE(ElementTraits<std::int64_t>::Accepts(parse("<i8")));
  EXPECT_FALSE(ElementTraits<std::int64_t>::Accepts(parse(">i8")));
  EXPECT_FALSE(ElementTraits<std::int64_t>::Accepts(parse("<u8")));
  EXPECT_FALSE(ElementTraits<std::int64_t>::Accepts(parse("<M8[s]")));
  EXPECT_TRUE(ElementTraits<double>::Accepts(parse("<f8")));
  EXPECT_FALSE(ElementTraits<double>::Accepts(parse("<f4")));
  EXPECT_TRUE(ElementTraits<std::uint8_t>::Accepts(parse("|u1")));
  EXPECT_FALSE(ElementTraits<std::uint8_t>::Accepts(parse("|b1")));
  EXPECT_TRUE(ElementTraits<ByteString>::Accepts(parse("|S1")));
  EXPECT_FALSE(ElementTraits<ByteString>::Accepts(parse("|V1")));
  EXPECT_TRUE(ElementTraits<UnicodeString>::Accepts(parse("<U9")));
  EXPECT_FALSE(ElementTraits<UnicodeString>::Accepts(parse(">U9")));
  EXPECT_FALSE(ElementTraits<UnicodeString>::Accepts(parse("|S4")));
}

TEST(ElementTraits, DescribeNamesTheType) {
  EXPECT_EQ(ElementTraits<std::int64_t>::Describe(), "int64 (<i8)");
  EXPECT_EQ(ElementTraits<double>::Describe(), "float64 (<f8)");
  EXPECT_EQ(ElementTraits<ByteString>::Describe(), "bytes (S)");
  EXPECT_EQ(ElementTraits<UnicodeString>::Describe(), "str (U)");
}

TEST(ElementTraits, EveryTypeHasElements) {
  const auto parse = [](absl::string_view descr) { return DType::Parse(descr).value(); };
  EXPECT_TRUE(ElementTraits<Bool>::Accepts(parse("|b1")));
  EXPECT_FALSE(ElementTraits<Bool>::Accepts(parse("|u1")));
  EXPECT_TRUE(ElementTraits<Float16>::Accepts(parse("<f2")));
  EXPECT_FALSE(ElementTraits<Float16>::Accepts(parse(">f2")));
  EXPECT_TRUE(ElementTraits<long double>::Accepts(parse("<f16")));
  EXPECT_TRUE(ElementTraits<std::complex<float>>::Accepts(parse("<c8")));
  EXPECT_TRUE(ElementTraits<std::complex<double>>::Accepts(parse("<c16")));
  EXPECT_FALSE(ElementTraits<std::complex<double>>::Accepts(parse("<f16")));
  EXPECT_TRUE(ElementTraits<std::complex<long double>>::Accepts(parse("<c32")));
  EXPECT_TRUE(ElementTraits<Datetime64>::Accepts(parse("<M8[25ns]")));
  EXPECT_TRUE(ElementTraits<Datetime64>::Accepts(parse("<M8")));
  EXPECT_FALSE(ElementTraits<Datetime64>::Accepts(parse("<m8[s]")));
  EXPECT_FALSE(ElementTraits<Datetime64>::Accepts(parse(">M8[s]")));
  EXPECT_TRUE(ElementTraits<Timedelta64>::Accepts(parse("<m8[s]")));
  EXPECT_FALSE(ElementTraits<Timedelta64>::Accepts(parse("<i8")));
  for (const char* descr :
       {"<i8", ">i8", "|S5", "|V7", "[('a', '<i4'), ('b', '|S1')]", "<M8[s]", "<U0"})
    EXPECT_TRUE(ElementTraits<RawElement>::Accepts(parse(descr))) << descr;
  EXPECT_EQ(ElementTraits<Bool>::Describe(), "bool (|b1)");
  EXPECT_EQ(ElementTraits<Float16>::Describe(), "float16 (<f2)");
  EXPECT_EQ(ElementTraits<std::complex<double>>::Describe(), "complex128 (<c16)");
  EXPECT_EQ(ElementTraits<Datetime64>::Describe(), "datetime64 (M8)");
  EXPECT_EQ(ElementTraits<RawElement>::Describe(), "elements of any type");
}

TEST(Elements, BoolsAreBytesThatAreNotZero) {
  const std::uint8_t bytes[] = {0, 1, 2, 255};
  const Elements<Bool> elements = Make<Bool>(bytes, 4, DType::Of<Bool>());
  ASSERT_EQ(elements.size(), 4u);
  EXPECT_FALSE(elements[0]);
  EXPECT_TRUE(elements[1]);
  EXPECT_TRUE(elements[2]);
  EXPECT_TRUE(elements[3].value());
  EXPECT_EQ(elements[1], elements[3]);
  EXPECT_NE(elements[0], elements[1]);
}

TEST(Elements, TimesAreTicks) {
  const std::int64_t ticks[] = {5, std::numeric_limits<std::int64_t>::min(), -3};
  const Elements<Datetime64> times = Make<Datetime64>(ticks, 3, DType::Parse("<M8[s]").value());
  EXPECT_EQ(times[0].ticks, 5);
  EXPECT_TRUE(times[1].is_nat());
  EXPECT_FALSE(times[0].is_nat());
  EXPECT_LT(times[2], times[0]);
  EXPECT_LT(times[1], times[2]);
  const Elements<Timedelta64> spans = Make<Timedelta64>(ticks, 3, DType::Parse("<m8[s]").value());
  EXPECT_EQ(spans[1], Timedelta64::NotATime());
}

TEST(Elements, RawElementsAreTheirBytes) {
  const char chars[] = "aaabbbcccddd";
  const DType dtype = DType::Parse("[('x', '<i2'), ('y', '|i1')]").value();
  const Elements<RawElement> elements = Make<RawElement>(chars, 4, dtype);
  ASSERT_EQ(elements.size(), 4u);
  EXPECT_EQ(elements.itemsize_bytes(), 3);
  EXPECT_EQ(elements.dtype(), dtype);
  const auto text = [](std::span<const std::byte> bytes) {
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  EXPECT_EQ(text(elements[1]), "bbb");
  EXPECT_EQ(text(elements.front()), "aaa");
  EXPECT_EQ(text(elements.back()), "ddd");
  const Elements<RawElement> part = elements.subspan(1, 2);
  EXPECT_EQ(part.size(), 2u);
  EXPECT_EQ(part.data(), elements.data() + 3);
  std::string all;
  for (const std::span<const std::byte> element : part) all += text(element) + ".";
  EXPECT_EQ(all, "bbb.ccc.");
  EXPECT_EQ(text(*(elements.end() - 1)), "ddd");
  EXPECT_EQ(text(elements.begin()[2]), "ccc");
  // Elements without bytes are counted, too.
  const Elements<RawElement> nothing = Make<RawElement>(nullptr, 3, DType::Void(0));
  EXPECT_EQ(nothing.end() - nothing.begin(), 3);
  EXPECT_TRUE(Elements<RawElement>().empty());
}

TEST(Elements, NumbersAreReadInPlace) {
  const std::vector<std::int64_t> numbers{3, -1, 4};
  const Elements<std::int64_t> elements =
      Make<std::int64_t>(numbers.data(), 3, DType::Of<std::int64_t>());
  EXPECT_EQ(elements.data(), numbers.data());
  EXPECT_EQ(std::vector<std::int64_t>(elements.begin(), elements.end()), numbers);
}

TEST(Elements, NoElementsAtANullPointer) {
  EXPECT_TRUE(Make<double>(nullptr, 0, DType::Of<double>()).empty());
  const Elements<ByteString> bytes = Make<ByteString>(nullptr, 0, DType::Bytes(5));
  EXPECT_TRUE(bytes.empty());
  EXPECT_EQ(bytes.begin(), bytes.end());
  EXPECT_EQ(Elements<UnicodeString>().size(), 0u);
}

TEST(Elements, BytesLoseTheNulsAtTheEndOnly) {
  // Six elements of "|S5"; the first is at an odd address.
  const char chars[] = "xab\0\0\0abcde\0\0\0\0\0a\0b\0\0\0\0\0\0c\0ab\0\0";
  const Elements<ByteString> elements = Make<ByteString>(chars + 1, 6, DType::Bytes(5));
  ASSERT_EQ(elements.size(), 6u);
  EXPECT_EQ(elements.width(), 5);
  EXPECT_EQ(elements[0], "ab");
  EXPECT_EQ(elements[1], "abcde");
  EXPECT_EQ(elements[2], "");
  EXPECT_EQ(elements[3], absl::string_view("a\0b", 3));
  EXPECT_EQ(elements[4], absl::string_view("\0\0\0\0c", 5));
  EXPECT_EQ(elements[5], absl::string_view("\0ab", 3));
  EXPECT_EQ(elements.front(), "ab");
  EXPECT_EQ(elements.back(), absl::string_view("\0ab", 3));
}

TEST(Elements, UnicodeLosesTheNulsAtTheEndOnly) {
  const char32_t chars[] =
      U"caf\u00e9\0\0"
      U"\0\0\0\0\0\0"
      U"\U0001F600\0b\0\0\0"
      U"sixsix";
  const Elements<UnicodeString> elements = Make<UnicodeString>(chars, 4, DType::Unicode(6));
  ASSERT_EQ(elements.size(), 4u);
  EXPECT_EQ(elements.width(), 6);
  EXPECT_TRUE(elements[0] == U"caf\u00e9");
  EXPECT_TRUE(elements[1].empty());
  EXPECT_TRUE(elements[2] == std::u32string_view(U"\U0001F600\0b", 3));
  EXPECT_TRUE(elements[3] == U"sixsix");
}

TEST(Elements, StringsOfWidthZero) {
  const char32_t nothing = 0;
  const Elements<UnicodeString> elements = Make<UnicodeString>(&nothing, 3, DType::Unicode(0));
  Index count = 0;
  for (const std::u32string_view element : elements) {
    EXPECT_TRUE(element.empty());
    ++count;
  }
  EXPECT_EQ(count, 3);
}

TEST(Elements, StringIteratorsAreRandomAccess) {
  const char chars[] = "aabbccddee";
  const Elements<ByteString> elements = Make<ByteString>(chars, 5, DType::Bytes(2));
  auto it = elements.begin();
  EXPECT_EQ(*it, "aa");
  EXPECT_EQ(*++it, "bb");
  EXPECT_EQ(*it++, "bb");
  EXPECT_EQ(*it--, "cc");
  EXPECT_EQ(*--it, "aa");
  it += 3;
  EXPECT_EQ(*it, "dd");
  EXPECT_EQ(it[1], "ee");
  EXPECT_EQ(it[-3], "aa");
  EXPECT_EQ(*(it - 1), "cc");
  EXPECT_EQ(*(1 + it), "ee");
  EXPECT_EQ(elements.end() - it, 2);
  EXPECT_EQ(it - elements.end(), -2);
  it -= 3;
  EXPECT_EQ(it, elements.begin());
  EXPECT_LT(it, elements.end());
  EXPECT_GE(elements.end(), it);
}

TEST(Elements, StringsWorkWithAlgorithms) {
  const char chars[] = "aabbccddee";
  const Elements<ByteString> elements = Make<ByteString>(chars, 5, DType::Bytes(2));
  EXPECT_TRUE(std::ranges::is_sorted(elements));
  EXPECT_EQ(std::ranges::lower_bound(elements, "cc") - elements.begin(), 2);
  EXPECT_EQ(*std::find(elements.begin(), elements.end(), "dd"), "dd");
  EXPECT_EQ(
      std::ranges::count_if(elements, [](absl::string_view element) { return element > "bb"; }), 3);
  EXPECT_EQ(*std::ranges::max_element(elements), "ee");
  const std::vector<absl::string_view> copy(elements.begin(), elements.end());
  EXPECT_EQ(copy.size(), 5u);
}

TEST(Elements, SubspanIsAPartOfTheRange) {
  const char chars[] = "aabbccddee";
  const Elements<ByteString> part = Make<ByteString>(chars, 5, DType::Bytes(2)).subspan(1, 3);
  ASSERT_EQ(part.size(), 3u);
  EXPECT_EQ(part.front(), "bb");
  EXPECT_EQ(part.back(), "dd");
  EXPECT_EQ(part.data(), chars + 2);
}

// Compares with a loop over single chars, at widths that are multiples of 8 bytes and at others.
template <typename Char>
void ExpectLengthsAsOfALoop(std::uint32_t seed) {
  std::mt19937 random(seed);
  for (Index width = 0; width <= 40; ++width) {
    for (int trial = 0; trial < 200; ++trial) {
      std::vector<Char> chars(static_cast<std::size_t>(width));
      for (Char& c : chars) c = random() % 3 == 0 ? static_cast<Char>(1 + random() % 100) : Char{};
      Index length = width;
      while (length > 0 && chars[static_cast<std::size_t>(length) - 1] == Char{}) --length;
      ASSERT_EQ(LengthWithoutPadding(chars.data(), width), length)
          << "width " << width << ", seed " << seed;
    }
  }
}

TEST(LengthWithoutPadding, IsThatOfALoop) {
  const std::uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  ExpectLengthsAsOfALoop<char>(seed);
  ExpectLengthsAsOfALoop<char32_t>(seed);
}

}  // namespace
}  // namespace mpaio
