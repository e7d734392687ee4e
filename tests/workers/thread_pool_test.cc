// SPDX-License-Identifier: Apache-2.0

// Runs every registered worker on a thread pool, whose ranks share one worker object, and compares
// its answer, its array and its files bit for bit with those of the inline executor.
#include "mpaio/executor/thread_pool.h"

#include <algorithm>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/float16.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/executor/inline_executor.h"
#include "mpaio/jobs/job_options.h"
#include "mpaio/jobs/job_run.h"
#include "mpaio/jobs/outcome.h"
#include "mpaio/jobs/plan.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

constexpr Index kRows = 1001, kColumns = 3, kChunkRows = 4;

using ParameterList = std::vector<std::pair<std::string, std::string>>;

// The parameters of a worker's jobs; {} alone for workers that are not listed. "numbers" is an
// array of the input's number of rows, "other" one of the input's type and shape.
const std::map<std::string, std::vector<ParameterList>>& JobsOf() {
  const std::vector<ParameterList> along_axes = {{}, {{"axis", "0"}}, {{"axis", "-1"}}};
  static const auto* const jobs = new std::map<std::string, std::vector<ParameterList>>{
      {"all", along_axes},
      {"any", along_axes},
      {"argmax", along_axes},
      {"argmin", along_axes},
      {"argsort", {{}, {{"axis", "0"}}}},
      {"astype", {{{"dtype", "float32"}}, {{"dtype", "int64"}}, {{"dtype", "U12"}}}},
      {"clip", {{{"min", "2"}}, {{"min", "3"}, {"max", "9"}}}},
      {"count", {{{"value", "7"}}, {{"value", "ab"}}}},
      {"count_nonzero", along_axes},
      {"filter", {{{"expr", "x > 6"}}, {{"expr", "y > 0"}, {"y", "numbers"}}}},
      {"grep", {{{"pattern", "a.?b|c"}}, {{"pattern", "B"}, {"ignore_case", "true"}}}},
      {"histogram", {{}, {{"bins", "7"}, {"range", "0,50"}}}},
      {"map",
       {{{"fn", "sqrt"}},
        {{"fn", "square"}},
        {{"expr", "exp(x) + sin(x) * 2"}},
        {{"expr", "x + 3 * y"}, {"y", "other"}}}},
      {"max", along_axes},
      {"mean", along_axes},
      {"median", along_axes},
      {"min", along_axes},
      {"nanmax", along_axes},
      {"nanmean", along_axes},
      {"nanmin", along_axes},
      {"nansum", along_axes},
      {"norm", {{}, {{"ord", "1"}}, {{"axis", "0"}}}},
      {"prod", {{}, {{"overflow", "wrap"}}, {{"axis", "-1"}}}},
      {"quantile",
       {{}, {{"q", "0.1,0.5,0.9"}, {"axis", "0"}}, {{"q", "0.3"}, {"method", "lower"}}}},
      {"sort", {{}, {{"axis", "0"}}}},
      {"spin", {{{"ns_per_row", "500"}}}},
      {"std", along_axes},
      {"sum", along_axes},
      {"unique", {{}, {{"counts", "{folder}/counts.npy"}}}},
      {"var", along_axes},
      {"where", {{{"x", "other"}, {"yvalue", "5"}}, {{"xvalue", "1.5"}, {"y", "other"}}}},
  };
  return *jobs;
}

// An array of its own.
struct Array {
  DType dtype;
  std::vector<Index> shape;
  std::vector<std::max_align_t> memory = {};

  std::byte* data() { return reinterpret_cast<std::byte*>(memory.data()); }
  NdView view() const { return *NdView::Create(memory.data(), dtype, shape); }
};

// For long double it clears the bytes that belong to no value.
std::string BytesOf(const NdView& view) {
  std::string bytes(reinterpret_cast<const char*>(view.data()),
                    static_cast<std::size_t>(view.size_bytes()));
  if (view.dtype() != DType::Of<long double>()) return bytes;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(long double))
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at) + 10, sizeof(long double) - 10, 0);
  return bytes;
}

template <typename Number>
void Fill(std::mt19937_64& random, Array& array, bool is_special = false) {
  auto* const elements = reinterpret_cast<Number*>(array.data());
  const Index count = array.view().num_elements();
  for (Index i = 0; i < count; ++i) {
    const auto small = static_cast<int>(random() % 40);
    if constexpr (std::is_same_v<Number, Float16>) {
      elements[i] = Float16(static_cast<float>(small) / 4);
    } else if constexpr (std::is_integral_v<Number>) {
      elements[i] = static_cast<Number>(small);
    } else {
      elements[i] = Number(static_cast<float>(small) / 3);
    }
  }
  if constexpr (std::is_floating_point_v<Number>) {
    if (is_special) {
      elements[count / 2] = std::numeric_limits<Number>::quiet_NaN();
      elements[count / 3] = -std::numeric_limits<Number>::infinity();
      elements[count / 4] = Number(-0.0);
    }
  }
}

// Strings of at most `width` characters of abcABC.
template <typename Char>
void FillStrings(std::mt19937_64& random, Array& array, Index width) {
  auto* const characters = reinterpret_cast<Char*>(array.data());
  for (Index i = 0; i < array.view().num_elements(); ++i) {
    const auto length = static_cast<Index>(random() % static_cast<std::uint64_t>(width + 1));
    for (Index c = 0; c < length; ++c)
      characters[i * width + c] = static_cast<Char>("abcABC"[random() % 6]);
  }
}

Array Seeded(const std::string& type, std::vector<Index> shape, std::uint64_t seed) {
  Array array{*DType::Parse(type), std::move(shape)};
  Index bytes = array.dtype.itemsize_bytes();
  for (const Index extent : array.shape) bytes *= extent;
  array.memory.resize(static_cast<std::size_t>(bytes) / sizeof(std::max_align_t) + 1);
  std::memset(array.memory.data(), 0, array.memory.size() * sizeof(std::max_align_t));
  std::mt19937_64 random(seed);
  const std::map<std::string, std::function<void()>> fillers = {
      {"bool",
       [&] {
         for (Index i = 0; i < bytes; ++i) array.data()[i] = std::byte(random() % 2);
       }},
      {"int8", [&] { Fill<std::int8_t>(random, array); }},
      {"int16", [&] { Fill<std::int16_t>(random, array); }},
      {"int32", [&] { Fill<std::int32_t>(random, array); }},
      {"int64", [&] { Fill<std::int64_t>(random, array); }},
      {"uint8", [&] { Fill<std::uint8_t>(random, array); }},
      {"uint64", [&] { Fill<std::uint64_t>(random, array); }},
      {"float16", [&] { Fill<Float16>(random, array); }},
      {"float32", [&] { Fill<float>(random, array); }},
      {"float64", [&] { Fill<double>(random, array, seed % 2 == 1); }},
      {"longdouble", [&] { Fill<long double>(random, array); }},
      {"complex64", [&] { Fill<std::complex<float>>(random, array); }},
      {"complex128", [&] { Fill<std::complex<double>>(random, array); }},
      {"<M8[s]", [&] { Fill<std::int64_t>(random, array); }},
      {"<m8[ns]", [&] { Fill<std::int64_t>(random, array); }},
      {"S5", [&] { FillStrings<char>(random, array, 5); }},
      {"U4", [&] { FillStrings<char32_t>(random, array, 4); }},
  };
  fillers.at(type)();
  return array;
}

const char* const kTypes[] = {"bool",       "int8",      "int16",      "int32",   "int64",
                              "uint8",      "uint64",    "float16",    "float32", "float64",
                              "longdouble", "complex64", "complex128", "<M8[s]",  "<m8[ns]",
                              "S5",         "U4"};

// The values of a job, its array and the contents of its files, by name.
using Findings = std::map<std::string, std::string>;

void Add(const std::string& name, const NdView& array, Findings* findings) {
  (*findings)[name] = BytesOf(array);
  (*findings)[absl::StrCat("type and shape of ", name)] =
      absl::StrCat(array.dtype().ToString(), " ", testing::PrintToString(array.shape()));
}

Findings FindingsOf(const JobOutcome& outcome, const std::string& folder) {
  Findings findings;
  for (const Answer::Named& named : outcome.answer.values()) {
    if (named.value.text() != nullptr) {
      findings["text " + named.name] = *named.value.text();
    } else {
      Add("value " + named.name, named.value.array()->view(), &findings);
    }
  }
  if (outcome.output) Add("the array", *outcome.output, &findings);
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    findings[entry.path().filename()] = std::string(std::istreambuf_iterator<char>(file), {});
  }
  return findings;
}

// The parameter is the worker's name.
class WorkerOnThreads : public testing::TestWithParam<std::string> {
 protected:
  // Runs the job on an executor, and removes its files.
  absl::StatusOr<Findings> RunJob(Executor& executor, JobSpec job,
                                  const std::map<std::string, NdView>& arrays) const {
    const TempDirectory folder;
    const auto in_folder = [&](std::string& text) {
      constexpr std::string_view kFolder = "{folder}";
      if (text.rfind(kFolder, 0) == 0) text = folder.File(text.substr(kFolder.size() + 1));
    };
    in_folder(job.output);
    for (auto& [key, value] : job.parameters) in_folder(value);
    MPAIO_ASSIGN_OR_RETURN(std::vector<PlannedJob> plan, PlanJobs({std::move(job)}));
    JobOptions options;
    options.partition = Partition::ChunkSize(kChunkRows);
    options.isolate = Isolate::kNever;
    JobRun run(executor, std::move(plan), options);
    for (const auto& [name, view] : arrays) MPAIO_RETURN_IF_ERROR(run.AddArray(name, view));
    MPAIO_RETURN_IF_ERROR(run.Prepare());
    MPAIO_RETURN_IF_ERROR(run.Run());
    MPAIO_RETURN_IF_ERROR(run.outcomes()[0].status);
    return FindingsOf(run.outcomes()[0], folder.path());
  }

  // Returns true if the job went well on both executors.
  bool RunsAlike(const JobSpec& job, const std::map<std::string, NdView>& arrays) {
    const absl::StatusOr<Findings> expected = RunJob(*inline_, job, arrays);
    ThreadPoolOptions options;
    options.threads = 4;
    options.orchestrator_works = true;
    const absl::StatusOr<std::unique_ptr<Executor>> pool = MakeThreadPool(options);
    EXPECT_THAT(pool, IsOk());
    if (!pool.ok()) return false;
    const absl::StatusOr<Findings> found = RunJob(**pool, job, arrays);
    EXPECT_EQ(found.status().code(), expected.status().code())
        << found.status() << "\ninline: " << expected.status();
    if (!found.ok() || !expected.ok()) return false;
    EXPECT_FALSE(found->empty());
    EXPECT_EQ(*found, *expected);
    return *found == *expected;
  }

  const std::unique_ptr<Executor> inline_ = MakeInlineExecutor();
};

INSTANTIATE_TEST_SUITE_P(Registered, WorkerOnThreads, testing::ValuesIn(RegisteredWorkers()),
                         [](const auto& info) { return info.param; });

TEST_P(WorkerOnThreads, FindsWhatTheInlineExecutorFinds) {
  const WorkerInfo& worker = *FindWorker(GetParam());
  const auto listed = JobsOf().find(GetParam());
  const std::vector<ParameterList> jobs =
      listed == JobsOf().end() ? std::vector<ParameterList>{{}} : listed->second;
  std::vector<int> successes(jobs.size());
  std::uint64_t seed = 0;
  for (const std::string type : kTypes) {
    if (!worker.CheckAccepts(*DType::Parse(type)).ok()) continue;
    for (const std::vector<Index>& shape : {std::vector<Index>{kRows}, {kRows / 2, kColumns}}) {
      const Array input = Seeded(type, shape, ++seed), other = Seeded(type, shape, ++seed);
      const Array numbers = Seeded("float64", {shape.front()}, ++seed);
      const std::map<std::string, NdView> arrays = {
          {"input", input.view()}, {"other", other.view()}, {"numbers", numbers.view()}};
      for (std::size_t j = 0; j < jobs.size(); ++j) {
        SCOPED_TRACE(absl::StrCat("type ", type, ", shape ", testing::PrintToString(shape),
                                  ", seed ", seed, ", parameters ",
                                  testing::PrintToString(jobs[j])));
        JobSpec job{GetParam(), "input", "", jobs[j]};
        successes[j] += RunsAlike(job, arrays) ? 1 : 0;
        // Saving a file takes longer than all the rest. Files have long doubles with all their
        // bytes.
        const bool has_output = worker.output != nullptr || worker.answers_with_array;
        if (!has_output || j > 0 || type == "longdouble") continue;
        job.output = "{folder}/out.npy";
        RunsAlike(job, arrays);
      }
    }
  }
  for (std::size_t j = 0; j < jobs.size(); ++j)
    EXPECT_GT(successes[j], 0) << "no job went well with parameters "
                               << testing::PrintToString(jobs[j]);
}

}  // namespace
}  // namespace mpaio
