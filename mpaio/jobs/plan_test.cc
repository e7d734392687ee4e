// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/plan.h"

#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/host/text_file.h"
#include "mpaio/jobs/file_checks.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr absl::StatusCode kInvalidArgument = absl::StatusCode::kInvalidArgument;

WorkerInfo Reducer() {
  WorkerInfo info;
  info.summary = "reduces";
  info.parameters = {ParameterInfo::Integer("axis", "an axis", 0),
                     ParameterInfo::Array("where", "a mask")};
  return info;
}

WorkerInfo Writer() {
  WorkerInfo info = Reducer();
  info.output = [](const JobInputs& inputs) {
    return OutputSpec{inputs.array.dtype(), inputs.array.shape()};
  };
  return info;
}

WorkerInfo Finder() {
  WorkerInfo info = Reducer();
  info.parameters.push_back(ParameterInfo::Output("counts", "the counts"));
  info.answers_with_array = true;
  return info;
}

const bool kRegistered[] = {RegisterWorker("reducer", Reducer()),
                            RegisterWorker("writer", Writer()), RegisterWorker("finder", Finder())};

TEST(PlanJobs, FindsWorkersAndFiles) {
  const absl::StatusOr<std::vector<PlannedJob>> plan =
      PlanJobs({{"reducer", "a.npy", "", {{"where", "mask.npy"}}},
                {"finder", "a.npy", "out.npy", {{"counts", "counts.npy"}}}});
  ASSERT_THAT(plan, IsOk());
  EXPECT_THAT((*plan)[0].InputNames(), ElementsAre("a.npy", "mask.npy"));
  EXPECT_THAT((*plan)[0].ExtraInputs(), ElementsAre(Pair("where", "mask.npy")));
  EXPECT_THAT((*plan)[0].Outputs(), ElementsAre());
  EXPECT_EQ((*plan)[0].parameters.Integer("axis"), 0);
  EXPECT_THAT((*plan)[1].Outputs(), ElementsAre(Pair("", "out.npy"), Pair("counts", "counts.npy")));
}

TEST(PlanJobs, NamesWhatIsWrong) {
  EXPECT_THAT(PlanJobs({{"reduce", "a.npy", "", {}}}), StatusIs(kInvalidArgument, "reducer"));
  EXPECT_THAT(PlanJobs({{"reducer", "a.npy", "", {{"axes", "0"}}}}),
              StatusIs(kInvalidArgument, "worker reducer: "));
  EXPECT_THAT(PlanJobs({{"reducer", "a.npy", "out.npy", {}}}),
              StatusIs(kInvalidArgument, "takes no output file"));
  EXPECT_THAT(PlanJobs({{"finder", "a.npy", "-", {}}}),
              StatusIs(kInvalidArgument, "an output cannot be the standard output"));
  EXPECT_THAT(PlanJobs({{"finder", "a.npy", "out.csv", {}}}),
              StatusIs(kInvalidArgument, "name it out.npy"));
}

TEST(PlanJobs, AnArrayMayStayInMemory) {
  const std::vector<JobSpec> jobs = {{"writer", "a.npy", "", {}}};
  EXPECT_THAT(PlanJobs(jobs), IsOk());
  EXPECT_THAT(PlanJobs(jobs, {.needs_output_files = true}),
              StatusIs(kInvalidArgument, "give the output file after the input"));
}

TEST(PlanJobs, AWordWithEqualsMayBeTheOutput) {
  const PlanOptions words = {.reads_words = true};
  EXPECT_THAT(PlanJobs({{"finder", "a.npy", "", {{"x", "1.npy"}}}}),
              StatusIs(kInvalidArgument, "worker finder: "));
  const auto plan = PlanJobs({{"finder", "a.npy", "", {{"x", "1.npy"}}}}, words);
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ((*plan)[0].spec.output, "x=1.npy");
  EXPECT_THAT(PlanJobs({{"finder", "a.npy", "", {{"axis", "0"}, {"x", "1.npy"}}}}, words),
              StatusIs(kInvalidArgument, "must directly follow the input"));
  const auto warned = PlanJobs({{"finder", "a.npy", "axis", {}}}, words);
  ASSERT_THAT(warned, IsOk());
  EXPECT_THAT((*warned)[0].warning, HasSubstr("write axis=VALUE to mean the parameter"));
}

class CheckFilesTest : public ::testing::Test {
 protected:
  std::string File(const std::string& name) const {
    EXPECT_TRUE(WriteTextFile(directory_.File(name), "x", "it").ok());
    return directory_.File(name);
  }
  static absl::Status Check(const std::vector<JobSpec>& jobs, const RunFiles& files = {}) {
    const auto plan = PlanJobs(jobs);
    return plan.ok() ? CheckFiles(*plan, files) : plan.status();
  }
  TempDirectory directory_;
};

TEST_F(CheckFilesTest, OutputsAreDifferentFiles) {
  const std::string a = File("a.npy"), out = directory_.File("out.npy");
  MPAIO_EXPECT_OK(Check({{"writer", a, out, {}}}));
  MPAIO_EXPECT_OK(Check({{"writer", a, a, {}}}));  // in place
  EXPECT_THAT(Check({{"writer", a, out, {}}, {"finder", a, out, {}}}),
              StatusIs(kInvalidArgument, "is the output of two jobs"));
  EXPECT_THAT(Check({{"finder", a, out, {{"counts", out}}}}),
              StatusIs(kInvalidArgument, "is given for two outputs"));
  EXPECT_THAT(Check({{"finder", a, "", {{"counts", a}}}}),
              StatusIs(kInvalidArgument, "would overwrite an input"));
}

TEST_F(CheckFilesTest, FilesOfTheRunOverwriteNothing) {
  const std::string a = File("a.npy"), out = directory_.File("out.npy"),
                    log = directory_.File("log");
  MPAIO_EXPECT_OK(Check({{"writer", a, out, {}}}, {.record = log, .replay = log}));
  EXPECT_THAT(Check({{"writer", a, out, {}}}, {.journal = a}),
              StatusIs(kInvalidArgument, "--journal"));
  EXPECT_THAT(Check({{"writer", a, out, {}}}, {.results = out}),
              StatusIs(kInvalidArgument, "--results"));
  EXPECT_THAT(Check({{"writer", a, out, {}}}, {.cpu_usage = log, .record = log}),
              StatusIs(kInvalidArgument, "both name"));
  EXPECT_THAT(Check({{"writer", a, out, {}}}, {.journal = log, .replay = log}),
              StatusIs(kInvalidArgument, "--journal and --replay both name"));
  // A hard link is the same file.
  std::filesystem::create_hard_link(a, directory_.File("link"));
  EXPECT_THAT(Check({{"writer", a, out, {}}}, {.record = directory_.File("link")}),
              StatusIs(kInvalidArgument, "--record"));
}

TEST(MayName, ReadsTheSyntaxOfInputs) {
  const TempDirectory directory;
  const std::string a = directory.File("a.npz"), b = directory.File("b.bin");
  EXPECT_TRUE(MayName(a, a));
  EXPECT_TRUE(MayName(a + ":x", a));
  EXPECT_TRUE(MayName("raw:<f8:3:" + b, b));
  EXPECT_FALSE(MayName(a + ":x", b));
}

}  // namespace
}  // namespace mpaio
