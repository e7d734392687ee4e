// SPDX-License-Identifier: Apache-2.0
#include "mpaio/cli/results.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

JobResult Ok(Json result) { return {"sum", "a.npy", "ok", std::move(result), 10, 2, 0.5}; }

TEST(FormatJson, HasTheKeysInOrder) {
  EXPECT_EQ(FormatJson({Ok(55)}, 3, 1.25),
            R"({"jobs":[{"worker":"sum","input":"a.npy","status":"ok","result":55,"rows":10,)"
            R"("chunks":2,"seconds":0.5}],"ranks":3,"seconds":1.25})"
            "\n");
}

TEST(FormatJson, IntegersAreExact) {
  for (const std::int64_t value :
       {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(),
        (std::int64_t{1} << 53) + 1}) {
    EXPECT_THAT(FormatJson({Ok(value)}, 1, 0),
                HasSubstr("\"result\":" + std::to_string(value) + ","));
  }
}

TEST(FormatJson, NonFiniteNumbersAreNamed) {
  const double inf = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(FormatJson({Ok({{"min", -inf}, {"max", Json::array({inf, nan, 1.5})}})}, 1, 0),
              HasSubstr(R"("result":{"min":"-inf","max":["inf","nan",1.5]})"));
}

// nlohmann::json writes more digits for some of these numbers.
TEST(FormatJson, DoublesHaveTheFewestDigits) {
  const std::uint32_t seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> mantissa(1, 999999999), exponent(-30, 30);
  for (int i = 0; i < 20000; ++i) {
    const std::string written =
        std::to_string(mantissa(random) / 10 * 10 + 1) + "e" + std::to_string(exponent(random));
    const double number = std::strtod(written.c_str(), nullptr);
    const std::string text = FormatText({Ok(number)});
    const std::string digits = text.substr(11, text.size() - 12);
    EXPECT_EQ(std::strtod(digits.c_str(), nullptr), number);
    EXPECT_LE(std::count_if(digits.begin(),
                            digits.begin() + static_cast<std::ptrdiff_t>(
                                                 std::min(digits.find('e'), digits.size())),
                            [](char c) { return c >= '1' && c <= '9'; }),
              9)
        << digits << " of " << written;
    EXPECT_THAT(FormatJson({Ok(Json::array({number, {{"x", number}}}))}, 1, 0),
                HasSubstr("\"result\":[" + digits + ",{\"x\":" + digits + "}]"));
  }
}

TEST(FormatJson, IsWrittenAsTheLibraryDoes) {
  const Json values = Json::array({0.0,
                                   -0.0,
                                   1.0,
                                   0.1,
                                   1e14,
                                   1e15,
                                   123456789012345.0,
                                   1e-4,
                                   1e-5,
                                   1.5e300,
                                   Json::object(),
                                   Json::array(),
                                   nullptr,
                                   true,
                                   "a\"\n",
                                   {{"k\"", 1}},
                                   -7});
  EXPECT_THAT(FormatJson({Ok(values)}, 1, 0), HasSubstr("\"result\":" + values.dump() + ","));
}

TEST(FormatJson, BytesThatAreNoUtf8AreReplaced) {
  EXPECT_THAT(FormatJson({Ok(std::string("a\xff") + "b")}, 1, 0), HasSubstr("\"a\xef\xbf\xbd"
                                                                            "b\""));
}

TEST(FormatJson, AFailedJobHasItsStatusAndNoResult) {
  JobResult failed{"sum", "a.npy", "rank 2: boom", nullptr, 10, 2, 0};
  const Json parsed = Json::parse(FormatJson({failed}, 1, 0));
  EXPECT_EQ(parsed["jobs"][0]["status"], "rank 2: boom");
  EXPECT_TRUE(parsed["jobs"][0]["result"].is_null());
}

TEST(FormatText, OneLineForEachJobThatIsOk) {
  JobResult failed{"sum", "b.npy", "rank 2: boom", nullptr, 10, 2, 0};
  EXPECT_EQ(FormatText({Ok(5050), failed, Ok("foo_0foo_1"), Ok({{"min", 1}, {"max", 2.5}})}),
            "sum a.npy: 5050\nsum a.npy: foo_0foo_1\nsum a.npy: min 1, max 2.5\n");
}

}  // namespace
}  // namespace mpaio
