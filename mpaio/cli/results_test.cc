// SPDX-License-Identifier: Apache-2.0
#include "mpaio/cli/results.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

JobOutcome Ok(Answer answer) {
  JobOutcome outcome;
  outcome.worker = "sum";
  outcome.input = "a.npy";
  outcome.answer = std::move(answer);
  outcome.stats.rows = 10;
  outcome.stats.chunks = 2;
  outcome.stats.seconds = 0.5;
  return outcome;
}

JobOutcome Failed(const std::string& input) {
  JobOutcome outcome = Ok(Answer());
  outcome.input = input;
  outcome.status = absl::InternalError("rank 2: boom");
  return outcome;
}

AnswerArray Doubles(const std::vector<double>& numbers) { return AnswerArray::Of<double>(numbers); }

TEST(FormatJson, HasTheKeysInOrder) {
  EXPECT_EQ(FormatJson({Ok(std::int64_t{55})}, 3, 1.25),
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
  EXPECT_THAT(FormatJson({Ok({{"min", -inf}, {"max", Doubles({inf, nan, 1.5})}})}, 1, 0),
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
    EXPECT_THAT(
        FormatJson({Ok({{"x", number}, {"y", Doubles({number, number})}})}, 1, 0),
        HasSubstr("\"result\":{\"x\":" + digits + ",\"y\":[" + digits + "," + digits + "]}"));
  }
}

TEST(FormatJson, IsWrittenAsTheLibraryDoes) {
  const std::vector<double> doubles = {0.0,  -0.0, 1.0,    0.1, 1e14, 1e15, 123456789012345.0,
                                       1e-4, 1e-5, 1.5e300};
  const Json values = {{"doubles", doubles}, {"none", Json::array()},
                       {"yes", true},        {"text", "a\"\n"},
                       {"k\"", 1},           {"minus", -7}};
  const Answer answer = {{"doubles", Doubles(doubles)},
                         {"none", std::vector<Index>()},
                         {"yes", true},
                         {"text", "a\"\n"},
                         {"k\"", 1},
                         {"minus", -7}};
  EXPECT_THAT(FormatJson({Ok(answer)}, 1, 0), HasSubstr("\"result\":" + values.dump() + ","));
}

TEST(FormatJson, QuarantinedChunksAndPartialAnswers) {
  JobOutcome outcome = Failed("a.npy");
  outcome.quarantined = {{0, 3, {30, 40}, 4, "on rank 1: its process ended"}};
  outcome.partial = JobOutcome::Partial{50, Answer(std::int64_t{1275})};
  const Json parsed = Json::parse(FormatJson({outcome}, 2, 0, {{1, "was killed"}}));
  EXPECT_EQ(parsed["jobs"][0]["partial"].dump(), R"({"rows":50,"result":1275})");
  EXPECT_EQ(parsed["jobs"][0]["quarantined"].dump(),
            R"([{"chunk":3,"rows":[30,40],"attempts":4,"cause":"on rank 1: its process ended"}])");
  EXPECT_EQ(parsed["lost"].dump(), R"([{"rank":1,"cause":"was killed"}])");
  EXPECT_EQ(FormatText({outcome}), "sum a.npy (partial, rows 0 to 49): 1275\n");
}

TEST(FormatJson, BytesThatAreNoUtf8AreReplaced) {
  EXPECT_THAT(FormatJson({Ok(std::string("a\xff") + "b")}, 1, 0), HasSubstr("\"a\xef\xbf\xbd"
                                                                            "b\""));
}

TEST(FormatJson, AFailedJobHasItsStatusAndNoResult) {
  const Json parsed = Json::parse(FormatJson({Failed("a.npy")}, 1, 0));
  EXPECT_EQ(parsed["jobs"][0]["status"], "rank 2: boom");
  EXPECT_TRUE(parsed["jobs"][0]["result"].is_null());
}

TEST(FormatText, OneLineForEachJobThatIsOk) {
  EXPECT_EQ(
      FormatText({Ok(5050), Failed("b.npy"), Ok("foo_0foo_1"), Ok({{"min", 1}, {"max", 2.5}})}),
      "sum a.npy: 5050\nsum a.npy: foo_0foo_1\nsum a.npy: min 1, max 2.5\n");
}

}  // namespace
}  // namespace mpaio
