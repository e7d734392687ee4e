// SPDX-License-Identifier: Apache-2.0

// chaos_map: writes 3 x + 1 for each integer x. An unfinished chunk leaves wrong rows, so that the
// test detects an output that contains one.
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/jobs/registry.h"
#include "tests/chaos/workers/faults.h"

namespace mpaio {
namespace {

class ChaosMap final : public Worker<std::int64_t, WrittenRows> {
 public:
  ChaosMap(DataIterator chunks, OutputArray output, const Parameters& parameters)
      : Worker(std::move(chunks)), output_(std::move(output)), faults_(parameters) {}

  absl::StatusOr<WrittenRows> Process(const ChunkView<std::int64_t>& chunk) const override {
    const std::span<std::int64_t> rows = output_.Rows<std::int64_t>(chunk.rows());
    // If the process ends in Suffer(), only the first half is written: without a retry the second
    // half would stay 0.
    for (std::size_t i = 0; i < rows.size() / 2; ++i) rows[i] = 3 * chunk.elements()[i] + 1;
    faults_.Suffer(chunk.id());
    for (std::size_t i = rows.size() / 2; i < rows.size(); ++i)
      rows[i] = 3 * chunk.elements()[i] + 1;
    return output_.Finish(chunk.rows());
  }

  absl::Status ProcessCallback(const Chunk& chunk, WrittenRows written) override {
    return output_.Accept(chunk.rows, written);
  }
  const NdView& output() const { return output_.view(); }

 private:
  OutputArray output_;
  const ChaosFaults faults_;
};

MPAIO_REGISTER_WORKER({
    .summary = "writes an array, and does harm",
    .accepts = {AcceptedType::Of<std::int64_t>()},
    .parameters = ChaosFaults::ParametersOf(),
    .output = [](const JobInputs& inputs) -> absl::StatusOr<OutputSpec> {
      return OutputSpec{inputs.array.dtype(), inputs.array.shape()};
    },
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      auto worker = std::make_unique<ChaosMap>(std::move(context.chunks), std::move(context.output),
                                               context.parameters);
      const ChaosMap* map = worker.get();
      return Job{.worker = std::move(worker),
                 .result = [] { return Answer("written"); },
                 .output = [map]() -> const NdView& { return map->output(); }};
    },
});

}  // namespace
}  // namespace mpaio
