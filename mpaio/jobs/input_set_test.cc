// SPDX-License-Identifier: Apache-2.0
#include "mpaio/jobs/input_set.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "mpaio/executor/inline_executor.h"
#include "mpaio/executor/thread_pool.h"
#include "mpaio/executor/thread_ranks.h"
#include "mpaio/format/npy_writer.h"
#include "mpaio/testing/status_matchers.h"
#include "mpaio/testing/temp_directory.h"

namespace mpaio {
namespace {

constexpr absl::StatusCode kInvalidArgument = absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kNotFound = absl::StatusCode::kNotFound;
constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;

TEST(LoadPolicy, ChoosesTheSource) {
  LoadPolicy policy;
  policy.constant_inputs = {"constant"};
  EXPECT_EQ(policy.SourceOf("a"), Source::kAuto);
  EXPECT_EQ(policy.SourceOf("constant"), Source::kWindow);
  policy.has_chunk_deadline = true;
  EXPECT_EQ(policy.SourceOf("a"), Source::kMapOrWindow);
  policy.source = Source::kWindow;
  EXPECT_EQ(policy.SourceOf("a"), Source::kWindow);
  policy.has_chunk_deadline = false;
  EXPECT_EQ(policy.SourceOf("a"), Source::kOnDemand);
  EXPECT_EQ(policy.SourceOf("constant"), Source::kWindow);
  policy.source = Source::kMap;
  EXPECT_EQ(policy.SourceOf("constant"), Source::kMap);
}

// The parameter is the number of ranks, or kThreadPool.
constexpr int kThreadPool = 0;

class InputSetTest : public ::testing::TestWithParam<int> {
 protected:
  std::string WriteNumbers(const std::string& name, std::vector<std::int64_t> numbers) const {
    const NdView view = NdView::Create(numbers.data(), DType::Of<std::int64_t>(),
                                       {static_cast<Index>(numbers.size())})
                            .value();
    EXPECT_TRUE(WriteNpy(directory_.File(name), view).ok());
    return directory_.File(name);
  }
  static void OnAllRanks(const std::function<void(Executor&)>& body) {
    if (GetParam() == 1) {
      body(*MakeInlineExecutor());
    } else if (GetParam() == kThreadPool) {
      body(**MakeThreadPool({.threads = 3}));
    } else {
      RunOnThreads(GetParam(), {}, body);
    }
  }
  TempDirectory directory_;
};

INSTANTIATE_TEST_SUITE_P(Ranks, InputSetTest, ::testing::Values(1, 3, kThreadPool));

TEST_P(InputSetTest, LoadsEachFileOnce) {
  const std::string a = WriteNumbers("a.npy", {1, 2, 3}), b = WriteNumbers("b.npy", {4});
  const std::int64_t in_memory[] = {5, 6};
  OnAllRanks([&](Executor& executor) {
    InputSet inputs(executor);
    MPAIO_ASSERT_OK(inputs.AddArray(
        "memory", NdView::Create(in_memory, DType::Of<std::int64_t>(), {2}).value()));
    MPAIO_ASSERT_OK(inputs.Open({a, b, "memory", a}));
    MPAIO_ASSERT_OK(inputs.Open({b}));
    EXPECT_EQ(inputs.Header(a)->shape(), std::vector<Index>{3});
    EXPECT_EQ(inputs.Header("memory")->shape(), std::vector<Index>{2});
    EXPECT_EQ(inputs.Header(a)->data(), nullptr);
    EXPECT_THAT(inputs.Header("c.npy"), StatusIs(kNotFound, "c.npy"));
    LoadPolicy policy;
    policy.source = Source::kWindow;
    policy.has_chunk_deadline = true;
    MPAIO_ASSERT_OK(inputs.Load(policy));
    EXPECT_EQ(inputs.view("memory").data(), reinterpret_cast<const std::byte*>(in_memory));
    EXPECT_EQ(reinterpret_cast<const std::int64_t*>(inputs.view(a).data())[2], 3);
    EXPECT_EQ(inputs.size_bytes(), 48);
    EXPECT_EQ(inputs.copied_bytes(), 32);
    EXPECT_EQ(inputs.mapped_bytes(), 0);
    bool has_changed = true;
    MPAIO_EXPECT_OK(inputs.CheckUnchanged(false, &has_changed));
    EXPECT_FALSE(has_changed);
    EXPECT_EQ(inputs.ChangeOf({a, b}), nullptr);
    MPAIO_EXPECT_OK(inputs.ReadFailure());
  });
}

TEST_P(InputSetTest, MoreFilesThanMayBeOpenAtOnce) {
  std::vector<std::string> names;
  for (int i = 0; i < 150; ++i)
    names.push_back(WriteNumbers(std::to_string(i) + ".npy", {i, i + 1}));
  OnAllRanks([&](Executor& executor) {
    InputSet inputs(executor);
    MPAIO_ASSERT_OK(inputs.Open(names));
    MPAIO_ASSERT_OK(inputs.Load({}));
    for (int i = 0; i < 150; ++i) {
      EXPECT_EQ(reinterpret_cast<const std::int64_t*>(
                    inputs.view(names[static_cast<std::size_t>(i)]).data())[1],
                i + 1);
    }
  });
}

TEST_P(InputSetTest, AChangeIsFoundOnEveryRank) {
  const std::string a = WriteNumbers("a.npy", {1, 2, 3}), b = WriteNumbers("b.npy", {4});
  OnAllRanks([&](Executor& executor) {
    InputSet inputs(executor);
    MPAIO_ASSERT_OK(inputs.Open({a, b}));
    LoadPolicy policy;
    policy.source = Source::kMap;
    MPAIO_ASSERT_OK(inputs.Load(policy));
    EXPECT_EQ(inputs.mapped_bytes(), 32);
    if (executor.rank() == 0) {
      std::filesystem::last_write_time(
          a, std::filesystem::last_write_time(a) + std::chrono::seconds(5));
    }
    MPAIO_ASSERT_OK(executor.Agree(absl::OkStatus()));
    bool has_changed = false;
    EXPECT_THAT(inputs.CheckUnchanged(false, &has_changed), StatusIs(kDataLoss, "a.npy"));
    EXPECT_TRUE(has_changed);
    ASSERT_NE(inputs.ChangeOf({b, a}), nullptr);
    EXPECT_EQ(inputs.ChangeOf({b}), nullptr);
  });
}

TEST_P(InputSetTest, NamesOfArraysInMemory) {
  OnAllRanks([&](Executor& executor) {
    InputSet inputs(executor);
    EXPECT_THAT(inputs.AddArray("", NdView()), StatusIs(kInvalidArgument, "needs a name"));
    MPAIO_EXPECT_OK(inputs.AddArray("a", NdView()));
    EXPECT_THAT(inputs.AddArray("a", NdView()), StatusIs(kInvalidArgument, "two arrays named a"));
  });
}

}  // namespace
}  // namespace mpaio
