// SPDX-License-Identifier: Apache-2.0

// min_max: the smallest and the largest element. A NaN anywhere makes both NaN, as in numpy.
#include "mpaio/kernel/min_max.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/jobs/registry.h"

namespace mpaio {
namespace {

template <typename T>
class FindExtremes final : public Worker<T, MinMax<T>> {
 public:
  using Worker<T, MinMax<T>>::Worker;

  absl::StatusOr<MinMax<T>> Process(const ChunkView<T>& chunk) const override {
    return FindMinMax(chunk.elements());
  }

  absl::Status ProcessCallback(const Chunk&, MinMax<T> extremes) override {
    extremes_.Merge(extremes);
    return absl::OkStatus();
  }

  const MinMax<T>& extremes() const { return extremes_; }

 private:
  MinMax<T> extremes_;
};

template <typename T>
Job MakeMinMax(JobContext& context) {
  auto worker = std::make_unique<FindExtremes<T>>(std::move(context.chunks));
  const FindExtremes<T>* find = worker.get();
  return {std::move(worker),
          [find] {
            return Answer{{"min", find->extremes().min}, {"max", find->extremes().max}};
          },
          nullptr};
}

MPAIO_REGISTER_WORKER({
    .summary = "finds the smallest and the largest element",
    .accepts = {AcceptedType::Of<std::int64_t>(), AcceptedType::Of<double>()},
    .parameters = {},
    .output = nullptr,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      if (context.chunks.array().num_elements() == 0) {
        return absl::InvalidArgumentError(
            "an array without elements has no smallest and no largest element");
      }
      return context.chunks.dtype() == DType::Of<double>() ? MakeMinMax<double>(context)
                                                           : MakeMinMax<std::int64_t>(context);
    },
});

}  // namespace
}  // namespace mpaio
