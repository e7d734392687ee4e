// SPDX-License-Identifier: Apache-2.0
#include "mpaio/diagnosis/finding.h"

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

const std::vector<Finding> kFindings = {
    {Severity::kOk, "memory", "4 GiB available", "", "alpha"},
    {Severity::kNote, "huge pages", "none", "mount them", "alpha"},
    {Severity::kWarning, "cores", "2 ranks on 1 CPU", "mpirun --bind-to none", "alpha"},
    {Severity::kRefusal, "input", "there is no\nfile", "", "alpha"},
};

TEST(FormatText, HasALineForEachAndItsRemedyBelow) {
  EXPECT_EQ(FormatText(kFindings),
            "ok       memory      4 GiB available\n"
            "note     huge pages  none\n"
            "         remedy: mount them\n"
            "warning  cores       2 ranks on 1 CPU\n"
            "         remedy: mpirun --bind-to none\n"
            "refusal  input       there is no file\n");
  EXPECT_EQ(FormatText({}), "");
}

TEST(FormatText, NamesHostsWhereThereAreSeveral) {
  EXPECT_EQ(FormatText({{Severity::kOk, "clock", "tsc", "", "a"},
                        {Severity::kOk, "clock", "hpet", "", "node7"}}),
            "ok       a      clock  tsc\n"
            "ok       node7  clock  hpet\n");
}

TEST(FormatJson, IsAnArrayOfObjects) {
  const auto json = nlohmann::json::parse(FormatJson(kFindings));
  ASSERT_EQ(json.size(), 4u);
  EXPECT_EQ(json[1], nlohmann::json({{"severity", "note"},
                                     {"subject", "huge pages"},
                                     {"host", "alpha"},
                                     {"text", "none"},
                                     {"remedy", "mount them"}}));
  EXPECT_EQ(json[3]["text"], "there is no\nfile");
  EXPECT_EQ(FormatJson({}), "[]\n");
  // The name of a file may not be UTF-8.
  EXPECT_EQ(
      nlohmann::json::parse(FormatJson({{Severity::kOk, "input", "\xff.npy", "", ""}}))[0]["text"],
      "\xef\xbf\xbd.npy");
}

TEST(HasRefusal, IsTrueIfAFindingRefuses) {
  EXPECT_TRUE(HasRefusal(kFindings));
  EXPECT_FALSE(HasRefusal({kFindings[0], kFindings[1], kFindings[2]}));
  EXPECT_FALSE(HasRefusal({}));
}

TEST(DecodeFindings, ReturnsTheEncodedFindings) {
  for (const std::vector<Finding>& findings : {kFindings, std::vector<Finding>()}) {
    const auto decoded = DecodeFindings(EncodeFindings(findings));
    MPAIO_ASSERT_OK(decoded.status());
    EXPECT_EQ(*decoded, findings);
  }
}

TEST(DecodeFindings, OfDamagedBytesIsAnError) {
  const std::string bytes = EncodeFindings(kFindings);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THAT(DecodeFindings(bytes.substr(0, length)).status(),
                StatusIs(absl::StatusCode::kDataLoss))
        << length;
  }
  EXPECT_THAT(DecodeFindings(bytes + "x").status(), StatusIs(absl::StatusCode::kDataLoss));
  std::string other = bytes;
  other[8] = 4;  // not a severity
  EXPECT_THAT(DecodeFindings(other).status(), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(FormatBytes, HasAtMostOneDecimal) {
  EXPECT_EQ(FormatBytes(0), "0 bytes");
  EXPECT_EQ(FormatBytes(1), "1 byte");
  EXPECT_EQ(FormatBytes(1023), "1023 bytes");
  EXPECT_EQ(FormatBytes(1024), "1 KiB");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes(Index{4} << 20), "4 MiB");
  EXPECT_EQ(FormatBytes((Index{1} << 30) - 1), "1 GiB");
  EXPECT_EQ(FormatBytes(Index{25} << 40), "25 TiB");
}

}  // namespace
}  // namespace mpaio
