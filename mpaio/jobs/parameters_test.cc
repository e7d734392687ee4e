// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/parameters.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

using Given = std::vector<std::pair<std::string, std::string>>;

std::vector<ParameterInfo> Infos() {
  return {ParameterInfo::Integer("rows", "rows to skip", 3, 0),
          ParameterInfo::Number("scale", "factor", 0.1234567890123),
          ParameterInfo::Choice("op", "what is done", {"sqrt", "abs", "square"}),
          ParameterInfo::Text("label", "a word", "none")};
}

// Returns the error message for the given values; "" if they are accepted.
std::string Refusal(const Given& given) {
  const absl::Status status = Parameters::Create(Infos(), given).status();
  if (status.ok()) return "";
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(ParametersTest, FillsInTheDefaults) {
  const Parameters parameters = Parameters::Create(Infos(), {}).value();
  EXPECT_EQ(parameters.Integer("rows"), 3);
  EXPECT_EQ(parameters.Number("scale"), 0.1234567890123);
  EXPECT_EQ(parameters.Text("op"), "sqrt");
  EXPECT_EQ(parameters.Text("label"), "none");
}

TEST(ParametersTest, UsesTheGivenValues) {
  const Parameters parameters =
      Parameters::Create(
          Infos(),
          {{"op", "square"}, {"rows", "9007199254740993"}, {"scale", "-1e-3"}, {"label", ""}})
          .value();
  EXPECT_EQ(parameters.Integer("rows"), 9007199254740993);
  EXPECT_EQ(parameters.Number("scale"), -1e-3);
  EXPECT_EQ(parameters.Text("op"), "square");
  EXPECT_EQ(parameters.Text("label"), "");
}

TEST(ParametersTest, RefusesInvalidValues) {
  for (const char* value : {"-1", "x", "", "1.5", "9223372036854775808", "1e3", "0x10"}) {
    EXPECT_EQ(Refusal({{"rows", value}}),
              std::string("parameter rows=") + value + ": the value must be integer >= 0");
  }
  for (const char* value : {"x", "", "nan", "inf", "1e999", "1,5"}) {
    EXPECT_EQ(Refusal({{"scale", value}}),
              std::string("parameter scale=") + value + ": the value must be number");
  }
  for (const char* value : {"", "SQRT", "sqr", "sqrt|abs"}) {
    EXPECT_EQ(Refusal({{"op", value}}),
              std::string("parameter op=") + value + ": the value must be sqrt|abs|square");
  }
}

TEST(ParametersTest, RefusesUnknownAndRepeatedKeys) {
  EXPECT_EQ(Refusal({{"row", "1"}}),
            "unknown parameter 'row'; did you mean 'rows'? it takes rows=, scale=, op=, label=");
  EXPECT_EQ(Refusal({{"rows", "1"}, {"rows", "1"}}),
            "parameter 'rows' is given twice; give it once");
  EXPECT_EQ(Parameters::Create({}, {{"rows", "1"}}).status().message(),
            "unknown parameter 'rows'; it takes none");
  EXPECT_TRUE(Parameters::Create({}, {}).ok());
}

TEST(ParametersTest, RequiredParametersMustBeGiven) {
  const std::vector<ParameterInfo> infos = {
      ParameterInfo::Integer("bins", "how many", 10, 1).Required()};
  EXPECT_TRUE(infos[0].is_required());
  EXPECT_EQ(infos[0].default_value(), "");
  EXPECT_EQ(Parameters::Create(infos, {}).status(),
            absl::InvalidArgumentError("parameter 'bins' is missing; give bins=integer >= 1"));
  EXPECT_EQ(Parameters::Create(infos, {{"bins", "4"}})->Integer("bins"), 4);
}

TEST(ParametersTest, ExactlyOneOfTwoAlternativesMustBeGiven) {
  const std::vector<ParameterInfo> infos = {
      ParameterInfo::Choice("fn", "what", {"sqrt", "abs"}).Or("expr"),
      ParameterInfo::Text("expr", "how", "none")};
  EXPECT_EQ(Parameters::Create(infos, {{"fn", "abs"}})->Text("fn"), "abs");
  EXPECT_EQ(Parameters::Create(infos, {{"fn", "abs"}})->Text("expr"), "none");
  EXPECT_EQ(Parameters::Create(infos, {{"expr", "x+1"}})->Text("fn"), "none");
  EXPECT_EQ(Parameters::Create(infos, {}).status(),
            absl::InvalidArgumentError(
                "parameters 'fn' and 'expr' are missing; give one of them: fn=sqrt|abs or expr="));
  EXPECT_EQ(
      Parameters::Create(infos, {{"expr", "x"}, {"fn", "abs"}}).status(),
      absl::InvalidArgumentError(
          "parameters 'fn' and 'expr' are both given; give one of them: fn=sqrt|abs or expr="));
  EXPECT_EQ(Parameters::Create(infos, {{"fn", "none"}}).status().message(),
            "parameter fn=none: the value must be sqrt|abs");
}

TEST(ParametersTest, OptionalFlagsListsAndArrays) {
  const std::vector<ParameterInfo> infos = {ParameterInfo::OptionalInteger("axis", "which"),
                                            ParameterInfo::OptionalNumber("low", "least"),
                                            ParameterInfo::Flag("keepdims", "whether"),
                                            ParameterInfo::Numbers("q", "which", "0.5"),
                                            ParameterInfo::Array("y", "another array"),
                                            ParameterInfo::Output("counts", "a file")};
  const Parameters defaults = Parameters::Create(infos, {}).value();
  EXPECT_EQ(defaults.OptionalInteger("axis"), std::nullopt);
  EXPECT_EQ(defaults.OptionalNumber("low"), std::nullopt);
  EXPECT_FALSE(defaults.Flag("keepdims"));
  EXPECT_EQ(defaults.Numbers("q"), std::vector<double>({0.5}));
  EXPECT_EQ(defaults.Text("y"), "");
  EXPECT_EQ(defaults.Text("counts"), "");
  const Parameters given = Parameters::Create(infos, {{"axis", "-1"},
                                                      {"low", "-2.5"},
                                                      {"keepdims", "true"},
                                                      {"q", "0,0.25,1e-3"},
                                                      {"y", "b.npy"},
                                                      {"counts", "c.npy"}})
                               .value();
  EXPECT_EQ(given.OptionalInteger("axis"), -1);
  EXPECT_EQ(given.OptionalNumber("low"), -2.5);
  EXPECT_TRUE(given.Flag("keepdims"));
  EXPECT_EQ(given.Numbers("q"), std::vector<double>({0, 0.25, 1e-3}));
  EXPECT_EQ(given.Text("y"), "b.npy");
  EXPECT_EQ(given.Text("counts"), "c.npy");
  EXPECT_EQ(Parameters::Create(infos, {{"axis", "none"}}).value().OptionalInteger("axis"),
            std::nullopt);
  for (const std::pair<std::string, std::string>& bad :
       {std::pair<std::string, std::string>("axis", "1.5"),
        {"axis", ""},
        {"low", "x"},
        {"low", "inf"},
        {"keepdims", "yes"},
        {"q", ""},
        {"q", "1,"},
        {"q", "1;2"},
        {"y", ""},
        {"counts", ""}}) {
    EXPECT_EQ(Parameters::Create(infos, {bad}).status().code(), absl::StatusCode::kInvalidArgument)
        << bad.first << "=" << bad.second;
  }
  EXPECT_TRUE(infos[4].is_array());
  EXPECT_FALSE(infos[0].is_array());
  EXPECT_TRUE(infos[5].is_output());
  EXPECT_FALSE(infos[5].is_array());
  EXPECT_FALSE(infos[4].is_output());
  EXPECT_EQ(infos[5].Values(), "file.npy");
  EXPECT_EQ(infos[0].Values(), "none|integer");
  EXPECT_EQ(infos[1].Values(), "none|number");
  EXPECT_EQ(infos[2].Values(), "false|true");
  EXPECT_EQ(infos[3].Values(), "number,number,...");
  EXPECT_EQ(infos[4].Values(), "file");
}

TEST(ParametersTest, DescribesItself) {
  const std::vector<ParameterInfo> infos = Infos();
  EXPECT_EQ(infos[0].key(), "rows");
  EXPECT_EQ(infos[0].help(), "rows to skip");
  EXPECT_EQ(infos[0].default_value(), "3");
  EXPECT_EQ(infos[1].Values(), "number");
  EXPECT_EQ(infos[1].default_value(), "0.1234567890123");
  EXPECT_EQ(ParameterInfo::Number("n", "", 0.1).default_value(), "0.1");
  EXPECT_EQ(ParameterInfo::Integer("i", "", -2).Values(), "integer");
  EXPECT_EQ(infos[2].Values(), "sqrt|abs|square");
  EXPECT_EQ(infos[3].Values(), "text");
}

// Otherwise a user could not write the default on the command line.
TEST(ParametersTest, DefaultsPassTheirOwnChecks) {
  for (const ParameterInfo& info : Infos())
    EXPECT_TRUE(info.Check(info.default_value()).ok()) << info.key();
}

}  // namespace
}  // namespace mpaio
