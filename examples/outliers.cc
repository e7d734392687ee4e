// SPDX-License-Identifier: Apache-2.0

// A job of several passes: the first pass finds the extremes of an array, the second counts the
// elements in the outer tenths of that range. The job is registered, so that it can be run by name.
//
//   bazel-bin/examples/outliers
#include <algorithm>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mpaio/mpaio.h"

namespace {

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
};

class FindRange final : public mpaio::Worker<double, Range> {
 public:
  using Worker::Worker;

  absl::StatusOr<Range> Process(const mpaio::ChunkView<double>& chunk) const override {
    Range range;
    for (const double element : chunk.elements()) {
      range.low = std::min(range.low, element);
      range.high = std::max(range.high, element);
    }
    return range;
  }
  absl::Status ProcessCallback(const mpaio::Chunk&, Range range) override {
    found.low = std::min(found.low, range.low);
    found.high = std::max(found.high, range.high);
    return absl::OkStatus();
  }

  Range found;
};

class CountOutside final : public mpaio::Worker<double, mpaio::Index> {
 public:
  CountOutside(mpaio::DataIterator chunks, Range inner)
      : Worker(std::move(chunks)), inner_(inner) {}

  absl::StatusOr<mpaio::Index> Process(const mpaio::ChunkView<double>& chunk) const override {
    const auto elements = chunk.elements();
    return std::count_if(elements.begin(), elements.end(), [this](double element) {
      return element < inner_.low || element > inner_.high;
    });
  }
  absl::Status ProcessCallback(const mpaio::Chunk&, mpaio::Index count) override {
    total += count;
    return absl::OkStatus();
  }

  mpaio::Index total = 0;

 private:
  Range inner_;
};

// Rank 0 decides what the next pass does (next_pass), and every rank makes its worker (begin_pass).
absl::StatusOr<mpaio::Job> MakeOutliers(mpaio::JobContext& context) {
  auto first = std::make_unique<FindRange>(context.chunks);
  const FindRange* range = first.get();
  // The second pass's worker, once it exists.
  auto count = std::make_shared<const CountOutside*>(nullptr);
  mpaio::Job job;
  job.worker = std::move(first);
  job.next_pass = [range, count]() -> absl::StatusOr<std::optional<mpaio::NextPass>> {
    if (*count != nullptr) return std::nullopt;
    const double tenth = (range->found.high - range->found.low) / 10;
    mpaio::NextPass next;
    mpaio::Codec<Range>::Encode({range->found.low + tenth, range->found.high - tenth}, &next.plan);
    return next;
  };
  job.begin_pass =
      [chunks = context.chunks,
       count](absl::string_view plan) -> absl::StatusOr<std::unique_ptr<mpaio::WorkerBase>> {
    MPAIO_ASSIGN_OR_RETURN(const Range inner, mpaio::DecodeResult<Range>(plan));
    auto worker = std::make_unique<CountOutside>(chunks, inner);
    *count = worker.get();
    return worker;
  };
  job.result = [range, count]() -> absl::StatusOr<mpaio::Answer> {
    return mpaio::Answer{
        {"low", range->found.low}, {"high", range->found.high}, {"outside", (*count)->total}};
  };
  return job;
}

const bool kIsRegistered =
    mpaio::RegisterWorker("outliers", {.summary = "counts the elements far from the middle",
                                       .accepts = {mpaio::AcceptedType::Of<double>()},
                                       .make = MakeOutliers});

absl::Status Run() {
  std::vector<double> samples(100'000);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<double>(i % 1000);
  MPAIO_ASSIGN_OR_RETURN(const mpaio::NdView array,
                         mpaio::NdView::Create(samples.data(), mpaio::DType::Of<double>(),
                                               {static_cast<mpaio::Index>(samples.size())}));
  MPAIO_ASSIGN_OR_RETURN(const std::unique_ptr<mpaio::Executor> pool, mpaio::MakeThreadPool());
  MPAIO_ASSIGN_OR_RETURN(std::vector<mpaio::PlannedJob> plan,
                         mpaio::PlanJobs({{.worker = "outliers", .input = "samples"}}));
  mpaio::JobRun run(*pool, std::move(plan));
  MPAIO_RETURN_IF_ERROR(run.AddArray("samples", array));
  MPAIO_RETURN_IF_ERROR(run.Prepare());
  MPAIO_RETURN_IF_ERROR(run.Run());
  for (const mpaio::Answer::Named& named : run.outcomes()[0].answer.values()) {
    // Each value of this answer is a scalar: low and high a double, outside an int64.
    const mpaio::NdView value = named.value.array()->view();
    if (const auto number = value.Span<double>(); number.ok())
      std::printf("%s %g\n", named.name.c_str(), (*number)[0]);
    if (const auto number = value.Span<mpaio::Index>(); number.ok())
      std::printf("%s %lld\n", named.name.c_str(), static_cast<long long>((*number)[0]));
  }
  return absl::OkStatus();
}

}  // namespace

int main() {
  const absl::Status status = kIsRegistered ? Run() : absl::InternalError("not registered");
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
