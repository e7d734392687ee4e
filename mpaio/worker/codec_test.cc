// SPDX-License-Identifier: Apache-2.0
#include "mpaio/worker/codec.h"

#include <array>
#include <cstdint>
#include <functional>
#include <iostream>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace mpaio {

// A type from another library, with a codec defined outside of it.
struct Foreign {
  std::string text;
  friend bool operator==(const Foreign&, const Foreign&) = default;
};

template <>
struct Codec<Foreign> {
  static void Encode(const Foreign& value, std::string* out) {
    Codec<std::string>::Encode(value.text, out);
  }
  static bool Decode(WireReader* reader, Foreign* value) {
    return Codec<std::string>::Decode(reader, &value->text);
  }
};

namespace {

struct Point {
  std::int32_t x = 0;
  std::int32_t y = 0;
  friend auto operator<=>(const Point&, const Point&) = default;
};

enum class Colour : std::uint16_t { kRed = 7, kBlue = 513 };

// Trivially copyable, yet encodes itself, as text; refuses other text.
struct Version {
  int major = 0;

  void Encode(std::string* out) const {
    *out += 'v';
    *out += std::to_string(major);
  }
  static absl::StatusOr<Version> Decode(absl::string_view bytes) {
    if (bytes.empty() || bytes[0] != 'v') return absl::DataLossError("no version");
    return Version{std::stoi("0" + std::string(bytes.substr(1)))};
  }
  friend bool operator==(const Version&, const Version&) = default;
};

struct NoCodec {
  std::string text;
};

template <typename T>
std::string Encode(const T& value) {
  std::string bytes;
  Codec<T>::Encode(value, &bytes);
  return bytes;
}

// Expects that `value` can be decoded from its bytes, but not if another byte follows.
// ExpectEveryCutFails covers missing bytes.
template <typename T>
void ExpectRoundTrip(const T& value) {
  std::string bytes = "before";
  Codec<T>::Encode(value, &bytes);
  ASSERT_EQ(bytes.substr(0, 6), "before") << "Encode appends";
  bytes.erase(0, 6);
  const absl::StatusOr<T> decoded = DecodeResult<T>(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, value);
  EXPECT_EQ(DecodeResult<T>(bytes + '\0').status().code(), absl::StatusCode::kDataLoss);
}

template <typename T>
void ExpectEveryCutFails(const T& value) {
  const std::string bytes = Encode(value);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    // A copy of exactly this size, so that the address sanitizer detects a read past its end.
    const std::vector<char> part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut));
    const absl::StatusOr<T> decoded = DecodeResult<T>(absl::string_view(part.data(), part.size()));
    EXPECT_EQ(decoded.status().code(), absl::StatusCode::kDataLoss) << "cut at " << cut;
  }
}

TEST(CodecTest, NumbersEnumsAndPlainStructs) {
  ExpectRoundTrip(std::int64_t{-5});
  ExpectRoundTrip(std::numeric_limits<std::uint64_t>::max());
  ExpectRoundTrip(0.1f);
  ExpectRoundTrip(std::numeric_limits<double>::denorm_min());
  ExpectRoundTrip(true);
  ExpectRoundTrip('x');
  ExpectRoundTrip(Colour::kBlue);
  ExpectRoundTrip(Point{3, -4});
  ExpectRoundTrip(std::array<Point, 2>{{{1, 2}, {3, 4}}});
  EXPECT_EQ(Encode(std::uint8_t{65}), "A");
  ExpectEveryCutFails(Point{3, -4});
}

TEST(CodecTest, Strings) {
  ExpectRoundTrip(std::string());
  ExpectRoundTrip(std::string("abc"));
  ExpectRoundTrip(std::string("a\0b\0", 4));
  ExpectRoundTrip(std::string(1 << 20, 'x'));
  // The length, in 8 bytes, followed by the bytes.
  std::string bytes;
  WireAppendBytes("ab", &bytes);
  EXPECT_EQ(Encode(std::string("ab")), bytes);
  EXPECT_EQ(bytes.size(), 10u);
  ExpectEveryCutFails(std::string("abc"));
}

TEST(CodecTest, Vectors) {
  ExpectRoundTrip(std::vector<double>());
  ExpectRoundTrip(std::vector<double>{1.5, -2.5});
  ExpectRoundTrip(std::vector<Point>{{1, 2}, {3, 4}});
  ExpectRoundTrip(std::vector<bool>{true, false, true});
  ExpectRoundTrip(std::vector<std::string>{"", "a", "bc"});
  ExpectRoundTrip(std::vector<std::vector<std::vector<std::int8_t>>>{{}, {{}, {1}}, {{2, 3}}});
  ExpectRoundTrip(std::vector<Version>{{1}, {23}});
  ExpectEveryCutFails(std::vector<double>{1.5, -2.5});
  ExpectEveryCutFails(std::vector<bool>{true, false, true});
  ExpectEveryCutFails(std::vector<std::string>{"", "a", "bc"});
}

TEST(CodecTest, OtherContainers) {
  ExpectRoundTrip(std::optional<int>());
  ExpectRoundTrip(std::optional<int>(5));
  ExpectRoundTrip(std::optional<std::string>());
  ExpectRoundTrip(std::optional<std::string>("x"));
  ExpectRoundTrip(std::pair<int, std::string>(1, "one"));
  ExpectRoundTrip(std::pair<int, double>(1, 2.5));
  ExpectRoundTrip(std::tuple<int, std::string, std::vector<Point>>(1, "one", {{1, 1}}));
  ExpectRoundTrip(std::tuple<>());
  ExpectRoundTrip(std::array<std::string, 3>{"a", "", "c"});
  ExpectRoundTrip(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  ExpectRoundTrip(std::map<Point, double>{{{1, 2}, 0.5}});
  ExpectEveryCutFails(std::optional<std::string>("x"));
  ExpectEveryCutFails(std::tuple<int, std::string, std::vector<Point>>(1, "one", {{1, 1}}));
  ExpectEveryCutFails(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  ExpectEveryCutFails(std::array<std::string, 3>{"a", "", "c"});
}

TEST(CodecTest, TypesThatEncodeThemselvesAndTypesWithACodecFromOutside) {
  ExpectRoundTrip(Version{42});
  ExpectEveryCutFails(Version{42});
  ExpectRoundTrip(Foreign{"text"});
  ExpectRoundTrip(std::vector<Foreign>{{"a"}, {}});
  // The type itself refuses these bytes.
  EXPECT_EQ(DecodeResult<Version>(Encode(std::string("no"))).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(CodecTest, DecodingReplacesTheOldValue) {
  std::vector<std::string> strings{"old", "older"};
  std::optional<std::string> optional("old");
  std::map<int, std::string> map{{9, "old"}};
  const std::string bytes = Encode(std::vector<std::string>{"new"}) +
                            Encode(std::optional<std::string>()) +
                            Encode(std::map<int, std::string>{{1, "new"}});
  WireReader reader(bytes);
  ASSERT_TRUE(Codec<std::vector<std::string>>::Decode(&reader, &strings));
  ASSERT_TRUE(Codec<std::optional<std::string>>::Decode(&reader, &optional));
  ASSERT_TRUE((Codec<std::map<int, std::string>>::Decode(&reader, &map)));
  EXPECT_TRUE(reader.at_end());
  EXPECT_EQ(strings, std::vector<std::string>{"new"});
  EXPECT_EQ(optional, std::nullopt);
  EXPECT_EQ(map, (std::map<int, std::string>{{1, "new"}}));
}

// A length larger than the remaining bytes must be refused before anything is allocated.
TEST(CodecTest, LengthsOfDamagedBytesAreChecked) {
  for (const std::uint64_t size :
       {~std::uint64_t{0}, std::uint64_t{1} << 60, std::uint64_t{1} << 33}) {
    std::string bytes;
    WireAppend(size, &bytes);
    bytes += "abcdefgh";
    EXPECT_FALSE(DecodeResult<std::string>(bytes).ok());
    EXPECT_FALSE(DecodeResult<std::vector<double>>(bytes).ok());
    EXPECT_FALSE(DecodeResult<std::vector<std::string>>(bytes).ok());
    EXPECT_FALSE((DecodeResult<std::map<int, std::string>>(bytes).ok()));
  }
  // Not a whole number of elements.
  EXPECT_FALSE(DecodeResult<std::vector<double>>(Encode(std::string("123456789"))).ok());
}

TEST(CodecTest, RandomBytesNeverCrash) {
  const std::uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  using Nested = std::tuple<std::vector<std::string>, std::map<std::string, std::vector<int>>,
                            std::optional<Version>>;
  const std::string valid = Encode(Nested({"a", "bc"}, {{"k", {1, 2}}, {"l", {}}}, Version{7}));
  for (int k = 0; k < 2000; ++k) {
    std::string bytes = valid;
    for (int n = 1 + static_cast<int>(random() % 3); n > 0; --n)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    const absl::StatusOr<Nested> decoded = DecodeResult<Nested>(bytes);
    EXPECT_TRUE(decoded.ok() || decoded.status().code() == absl::StatusCode::kDataLoss)
        << decoded.status();
  }
}

// A type that refers to memory of its process must not compile as a result.
TEST(CodecTest, TypesWithAndWithoutACodec) {
  static_assert(HasCodec<double> && HasCodec<Colour> && HasCodec<Point> && HasCodec<Version> &&
                HasCodec<Foreign>);
  static_assert(HasCodec<std::vector<std::map<std::string, std::optional<std::array<Point, 2>>>>>);
  static_assert(!HasCodec<NoCodec> && !HasCodec<std::vector<NoCodec>> &&
                !HasCodec<std::optional<NoCodec>>);
  static_assert(!HasCodec<const char*> && !HasCodec<int*> && !HasCodec<std::span<const int>>);
  static_assert(!HasCodec<std::string_view> && !HasCodec<absl::string_view>);
  static_assert(!HasCodec<std::array<absl::string_view, 2>> &&
                !HasCodec<std::optional<const char*>>);
  static_assert(!HasCodec<std::pair<int, std::string_view>> &&
                !HasCodec<std::vector<absl::string_view>>);
  static_assert(!HasCodec<std::tuple<int, int*>> && !HasCodec<std::reference_wrapper<int>>);
}

}  // namespace
}  // namespace mpaio
