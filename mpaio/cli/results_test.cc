#include "mpaio/cli/results.h"

#include <cstdint>
#include <limits>
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
            R"({"jobs":[{"worker":"sum","input":"a.npy","status":"ok","result":55,"rows":10,"chunks":2,"seconds":0.5}],"ranks":3,"seconds":1.25})"
            "\n");
}

TEST(FormatJson, IntegersAreExact) {
  for (const std::int64_t value : {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(), (std::int64_t{1} << 53) + 1}) {
    EXPECT_THAT(FormatJson({Ok(value)}, 1, 0), HasSubstr("\"result\":" + std::to_string(value) + ","));
  }
}

TEST(FormatJson, NonFiniteNumbersAreNamed) {
  const double inf = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(FormatJson({Ok({{"min", -inf}, {"max", Json::array({inf, nan, 1.5})}})}, 1, 0),
              HasSubstr(R"("result":{"min":"-inf","max":["inf","nan",1.5]})"));
}

TEST(FormatJson, BytesThatAreNoUtf8AreReplaced) {
  EXPECT_THAT(FormatJson({Ok(std::string("a\xff") + "b")}, 1, 0), HasSubstr("\"a\xef\xbf\xbd" "b\""));
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
