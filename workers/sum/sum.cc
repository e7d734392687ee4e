// sum: all elements added up. Integers exactly, or an error where the sum does not fit 64 bits; floating point over a fixed tree, so that the answer
// is the same to the bit however the array is divided.
#include "mpaio/kernel/sum.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/worker/registry.h"

namespace mpaio {
namespace {

class SumInts final : public Worker<std::int64_t, absl::int128> {
 public:
  using Worker::Worker;

  absl::StatusOr<absl::int128> Process(const ChunkView<std::int64_t>& chunk) const override { return SumExactly(chunk.elements()); }

  absl::Status ProcessCallback(const Chunk&, absl::int128 sum) override {
    total_ += sum;
    return absl::OkStatus();
  }

  absl::StatusOr<nlohmann::ordered_json> Answer() const {
    const std::optional<std::int64_t> total = AsInt64(total_);
    if (!total) return absl::OutOfRangeError("the sum does not fit in an int64; sum the array as float64");
    return nlohmann::ordered_json(*total);
  }

 private:
  absl::int128 total_ = 0;
};

class SumDoubles final : public Worker<double, SumPartial> {
 public:
  using Worker::Worker;

  absl::StatusOr<SumPartial> Process(const ChunkView<double>& chunk) const override {
    return SumPartial::Compute(chunk.elements(), chunk.first_element(), SumOps());
  }

  absl::Status ProcessCallback(const Chunk&, SumPartial partial) override { return reducer_.Add(partial); }

  absl::StatusOr<nlohmann::ordered_json> Answer() const {
    const absl::StatusOr<std::optional<double>> total = reducer_.Finish(data_iterator().array().num_elements());
    if (!total.ok()) return total.status();
    return nlohmann::ordered_json(total->value_or(0.0));
  }

 private:
  SumReducer reducer_;
};

template <typename Sum>
Job MakeSum(JobContext& context) {
  auto worker = std::make_unique<Sum>(std::move(context.chunks));
  const Sum* sum = worker.get();
  return {std::move(worker), [sum] { return sum->Answer(); }, nullptr};
}

MPAIO_REGISTER_WORKER({
    .summary = "adds up the elements; integers exactly, floating point the same to the bit however it is run",
    .accepts = {AcceptedType::Of<std::int64_t>(), AcceptedType::Of<double>()},
    .parameters = {},
    .output = nullptr,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      return context.chunks.dtype() == DType::Of<double>() ? MakeSum<SumDoubles>(context) : MakeSum<SumInts>(context);
    },
});

}  // namespace
}  // namespace mpaio
