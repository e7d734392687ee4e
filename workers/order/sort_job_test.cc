// SPDX-License-Identifier: Apache-2.0

// Sorting on several nodes, each with its own memory: data that one pass leaves for the next must
// reach all of them.
#include "workers/order/sort_job.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "mpaio/array/dtype.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/executor/thread_ranks.h"
#include "mpaio/orchestration/worker_orchestrator.h"
#include "mpaio/testing/status_matchers.h"

namespace mpaio {
namespace {

// Runs all passes of a job on every rank, as the program does. Returns the output's elements on
// rank 0.
template <typename T>
std::vector<T> RunJob(Executor& executor, const WorkerInfo& info, const NdView& input,
                      const std::string& axis) {
  const Parameters parameters = Parameters::Create(info.parameters, {{"axis", axis}}).value();
  const auto divide = [&](const NdView& view) {
    return DataIterator::Create(view, Partition::ChunkSize(7));
  };
  JobContext context{divide(input).value(), parameters};
  context.divide = divide;
  context.allocate = [&](DType dtype, std::vector<Index> shape) {
    return OutputArray::Create(executor, std::move(dtype), std::move(shape));
  };
  OutputSpec spec = info.output(context.inputs()).value();
  context.output = OutputArray::Create(executor, spec.dtype, spec.shape).value();
  Job job = info.make(context).value();
  std::vector<std::unique_ptr<WorkerBase>> finished;
  while (true) {
    WorkerOrchestrator orchestrator(executor, {job.worker.get()});
    absl::StatusOr<Run> run = orchestrator.Start(RunOptions());
    MPAIO_EXPECT_OK(run);
    MPAIO_EXPECT_OK(run->Wait());
    // The first byte says whether there is a plan.
    std::string plan;
    if (executor.rank() == 0 && job.next_pass) {
      const std::optional<NextPass> next = job.next_pass().value();
      if (next.has_value()) plan = absl::StrCat("+", next->plan);
    }
    MPAIO_EXPECT_OK(executor.Broadcast(&plan));
    if (plan.empty()) break;
    finished.push_back(
        std::exchange(job.worker, job.begin_pass(absl::string_view(plan).substr(1)).value()));
  }
  std::vector<T> elements;
  if (executor.rank() == 0) {
    const NdView& output = job.output();
    const T* data = reinterpret_cast<const T*>(output.data());
    elements.assign(data, data + output.num_elements());
  }
  MPAIO_EXPECT_OK(executor.Agree(absl::OkStatus()));
  return elements;
}

TEST(SortJob, OnSeveralNodes) {
  const unsigned seed = 81;
  std::mt19937_64 random(seed);
  std::vector<std::int64_t> values(50'001);
  for (std::int64_t& value : values) value = static_cast<std::int64_t>(random() % 5000);
  std::vector<Index> indices(values.size());
  std::iota(indices.begin(), indices.end(), 0);
  std::stable_sort(indices.begin(), indices.end(), [&](Index a, Index b) {
    return values[static_cast<std::size_t>(a)] < values[static_cast<std::size_t>(b)];
  });
  std::vector<std::int64_t> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  // The first axis of a table: 2381 x 21.
  std::vector<std::int64_t> columns = values;
  for (std::size_t column = 0; column < 21; ++column) {
    std::vector<std::int64_t> lane;
    for (std::size_t row = 0; row < 2381; ++row) lane.push_back(values[row * 21 + column]);
    std::sort(lane.begin(), lane.end());
    for (std::size_t row = 0; row < 2381; ++row) columns[row * 21 + column] = lane[row];
  }
  const NdView line = NdView::Create(values.data(), DType::Of<std::int64_t>(), {50'001}).value();
  const NdView table = NdView::Create(values.data(), DType::Of<std::int64_t>(), {2381, 21}).value();
  for (const int nodes : {1, 2, 3}) {
    ThreadRanksOptions options;
    options.num_nodes = nodes;
    RunOnThreads(5, options, [&](Executor& executor) {
      SCOPED_TRACE(absl::StrCat("seed ", seed, ", ", nodes, " nodes"));
      const auto expect = [&](const auto& found, const auto& expected) {
        if (executor.rank() == 0) {
          EXPECT_TRUE(found == expected);
        }
      };
      expect(RunJob<std::int64_t>(executor, SortWorkerInfo(SortResult::kValues), line, "-1"),
             sorted);
      expect(RunJob<Index>(executor, SortWorkerInfo(SortResult::kIndices), line, "-1"), indices);
      expect(RunJob<std::int64_t>(executor, SortWorkerInfo(SortResult::kValues), table, "0"),
             columns);
      expect(RunJob<std::int64_t>(executor, SortWorkerInfo(SortResult::kValues), table, "none"),
             sorted);
    });
  }
}

// These arrays have no elements, but up to 2^62 lanes, or lanes of length 2^31: too many to iterate
// over.
TEST(SortJob, ManyLanesWithoutElements) {
  constexpr Index kMany = Index{1} << 31;
  for (const std::vector<Index>& shape :
       {std::vector<Index>{kMany, kMany, 0}, {kMany, 0, kMany}, {0, kMany, kMany}}) {
    const NdView empty = NdView::Create(nullptr, DType::Of<std::int8_t>(), shape).value();
    const NdView fewer =
        NdView::Create(nullptr, DType::Of<std::int8_t>(), {kMany, 0, shape[2] / 64}).value();
    RunOnThreads(2, ThreadRanksOptions(), [&](Executor& executor) {
      for (const std::string axis : {"0", "1", "2", "none"}) {
        SCOPED_TRACE(absl::StrCat("shape[2] ", shape[2], ", axis=", axis));
        EXPECT_TRUE(RunJob<std::int8_t>(executor, SortWorkerInfo(SortResult::kValues), empty, axis)
                        .empty());
        EXPECT_TRUE(
            RunJob<Index>(executor, SortWorkerInfo(SortResult::kIndices), fewer, axis).empty());
      }
    });
  }
}

}  // namespace
}  // namespace mpaio
