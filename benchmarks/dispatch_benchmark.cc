// SPDX-License-Identifier: Apache-2.0

// Overhead per chunk in a pool of one process: assignment, result, ledger, delivery, callback.
#include <cstdint>
#include <memory>
#include <vector>

#include "benchmark/benchmark.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/executor/inline_executor.h"
#include "mpaio/orchestration/worker_orchestrator.h"
#include "mpaio/worker/worker.h"

namespace mpaio {
namespace {

class FirstElement final : public Worker<std::int64_t, std::int64_t> {
 public:
  using Worker::Worker;
  absl::StatusOr<std::int64_t> Process(const ChunkView<std::int64_t>& chunk) const override {
    return chunk.elements()[0];
  }
  absl::Status ProcessCallback(const Chunk&, std::int64_t first) override {
    total += first;
    return absl::OkStatus();
  }
  std::int64_t total = 0;
};

void BM_Dispatch_Inline(benchmark::State& state) {
  const std::int64_t chunks = state.range(0);
  const std::vector<std::int64_t> numbers(static_cast<std::size_t>(chunks), 1);
  const NdView array = *NdView::Create(numbers.data(), DType::Of<std::int64_t>(), {chunks});
  const std::unique_ptr<Executor> executor = MakeInlineExecutor();
  for (auto _ : state) {
    FirstElement worker(*DataIterator::Create(array, Partition::ChunkSize(1)));
    WorkerOrchestrator orchestrator(*executor, {&worker});
    absl::StatusOr<Run> run = orchestrator.Start();
    if (!run.ok() || !run->Wait().ok() || worker.total != chunks)
      state.SkipWithError("the run failed");
  }
  state.SetItemsProcessed(state.iterations() * chunks);
}
BENCHMARK(BM_Dispatch_Inline)
    ->ArgName("chunks")
    ->Arg(1)
    ->Arg(1000)
    ->Arg(100000)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mpaio
