// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/output_files.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "mpaio/executor/inline_executor.h"
#include "mpaio/format/array_file.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

WorkerInfo Finder() {
  WorkerInfo info;
  info.summary = "finds";
  info.answers_with_array = true;
  info.parameters = {ParameterInfo::Output("counts", "the counts")};
  return info;
}

const bool kIsRegistered = RegisterWorker("finder", Finder());

AnswerArray Integers(std::vector<Index> numbers) { return AnswerArray::Of<Index>(numbers); }

class OutputFilesTest : public ::testing::Test {
 protected:
  std::vector<PlannedJob> Plan(const std::string& output, const std::string& counts) const {
    return PlanJobs({{"finder", "a.npy", output, {{"counts", counts}}}}).value();
  }

  TempDirectory directory_;
  std::unique_ptr<Executor> executor_ = MakeInlineExecutor();
};

TEST_F(OutputFilesTest, FilesOfAJobAppearTogether) {
  ASSERT_TRUE(kIsRegistered);
  const std::string values = directory_.File("values.npy"), counts = directory_.File("counts.npy");
  const std::vector<PlannedJob> plan = Plan(values, counts);
  OutputFiles outputs(*executor_, plan, /*is_journaled=*/false);
  MPAIO_EXPECT_OK(outputs.Check(values, 100));
  absl::StatusOr<OutputArray> in_file =
      outputs.CreateInFile(0, "counts", DType::Of<std::int64_t>(), {3});
  ASSERT_THAT(in_file, IsOk());
  EXPECT_TRUE(outputs.is_in_file(0, "counts"));
  EXPECT_FALSE(outputs.is_in_file(0, ""));
  const std::span<std::int64_t> rows = in_file->Rows<std::int64_t>({0, 3});
  std::fill(rows.begin(), rows.end(), 5);
  const absl::StatusOr<WrittenRows> written = in_file->Finish({0, 3});
  ASSERT_THAT(written, IsOk());
  MPAIO_ASSERT_OK(in_file->Accept({0, 3}, *written));
  outputs.Keep(0, "", Integers({1, 2}));
  EXPECT_FALSE(std::filesystem::exists(values));
  EXPECT_FALSE(std::filesystem::exists(counts));
  MPAIO_ASSERT_OK(outputs.Save(0, Job()));
  EXPECT_EQ(ArrayFile::Open(values)->shape(), std::vector<Index>{2});
  EXPECT_EQ(ArrayFile::Open(counts)->shape(), std::vector<Index>{3});
}

TEST_F(OutputFilesTest, NoFileGetsItsNameIfOneCannotBeWritten) {
  const std::string values = directory_.File("values.npy");
  const std::vector<PlannedJob> plan = Plan(values, directory_.File("no/such/folder.npy"));
  OutputFiles outputs(*executor_, plan, /*is_journaled=*/false);
  EXPECT_FALSE(outputs.Check(directory_.File("no/such/folder.npy"), 100).ok());
  outputs.Keep(0, "", Integers({1, 2}));
  outputs.Keep(0, "counts", Integers({3, 4}));
  EXPECT_FALSE(outputs.Save(0, Job()).ok());
  EXPECT_FALSE(std::filesystem::exists(values));
}

TEST_F(OutputFilesTest, RefusesAnOutputThatTheJobDoesNotHave) {
  const std::vector<PlannedJob> plan = Plan("", directory_.File("counts.npy"));
  OutputFiles outputs(*executor_, plan, /*is_journaled=*/false);
  EXPECT_THAT(outputs.CreateInFile(0, "", DType::Of<double>(), {1}),
              StatusIs(absl::StatusCode::kFailedPrecondition, "no file was given for output ''"));
}

}  // namespace
}  // namespace mpaio
