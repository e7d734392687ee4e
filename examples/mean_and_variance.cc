// SPDX-License-Identifier: Apache-2.0

// A reduction of one's own: mean and variance in one pass, on all cores of this process, without
// MPI.
//
//   bazel-bin/examples/mean_and_variance
//
// The partial results of the chunks are joined by the formula of Chan, Golub and LeVeque, "Updating
// formulae and a pairwise algorithm for computing sample variances" (1979). They are joined in the
// order of the chunks, so that the same division gives the same bits on any number of threads.
#include <cmath>
#include <cstdio>
#include <memory>
#include <numbers>
#include <utility>
#include <vector>

#include "mpaio/mpaio.h"

namespace {

// A plain struct is a result that needs no further code to travel.
struct Moments {
  mpaio::Index count = 0;
  double mean = 0;
  double squares = 0;  // the sum of the squared distances from the mean

  void Add(const Moments& other) {
    if (other.count == 0) return;
    const double delta = other.mean - mean;
    const auto all = static_cast<double>(count + other.count);
    squares += other.squares +
               delta * delta * static_cast<double>(count) * static_cast<double>(other.count) / all;
    mean += delta * static_cast<double>(other.count) / all;
    count += other.count;
  }
};

class FindMoments final : public mpaio::Worker<double, Moments> {
 public:
  using Worker::Worker;

  // Several threads call this at once, so it writes no member.
  absl::StatusOr<Moments> Process(const mpaio::ChunkView<double>& chunk) const override {
    Moments moments;
    for (const double element : chunk.elements()) moments.Add({1, element, 0});
    return moments;
  }
  absl::Status ProcessCallback(const mpaio::Chunk&, Moments moments) override {
    total.Add(moments);
    return absl::OkStatus();
  }

  Moments total;
};

absl::Status Run() {
  // Any memory of this process will do.
  std::vector<double> samples(1'000'000);
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = 10 + std::sin(2 * std::numbers::pi * static_cast<double>(i) / 1000);
  MPAIO_ASSIGN_OR_RETURN(const mpaio::NdView array,
                         mpaio::NdView::Create(samples.data(), mpaio::DType::Of<double>(),
                                               {static_cast<mpaio::Index>(samples.size())}));
  MPAIO_ASSIGN_OR_RETURN(const std::unique_ptr<mpaio::Executor> pool, mpaio::MakeThreadPool());
  MPAIO_ASSIGN_OR_RETURN(mpaio::DataIterator chunks,
                         mpaio::DataIterator::Create(array, mpaio::Partition::ChunkSize(10'000)));
  FindMoments find(std::move(chunks));
  MPAIO_ASSIGN_OR_RETURN(mpaio::Run run, mpaio::WorkerOrchestrator(*pool, {&find}).Start());
  MPAIO_RETURN_IF_ERROR(run.Wait());
  std::printf("mean %.6f, variance %.6f\n", find.total.mean,
              find.total.squares / static_cast<double>(find.total.count));
  return absl::OkStatus();
}

}  // namespace

int main() {
  const absl::Status status = Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
