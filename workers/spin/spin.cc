// SPDX-License-Identifier: Apache-2.0

// spin: a sum that also uses a given CPU time for each row, to stand for an expensive worker. For
// benchmarks and tests of scheduling and of faults.
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/kernel/sum.h"

namespace mpaio {
namespace {

enum class Cost { kConstant, kLinear, kRandom };

// Measures the CPU time of this thread, so that a row is the same amount of work however many ranks
// share the core.
std::int64_t ThreadNanoseconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): a fixed hash, so that a row costs the same in every
// run.
std::uint64_t Scramble(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

class Spin final : public Worker<std::int64_t, absl::int128> {
 public:
  Spin(DataIterator chunks, Index ns_per_row, Cost cost)
      : Worker(std::move(chunks)), ns_per_row_(ns_per_row), cost_(cost) {}

  absl::StatusOr<absl::int128> Process(const ChunkView<std::int64_t>& chunk) const override {
    const std::int64_t start = ThreadNanoseconds();
    constexpr double kForever = 1e18;  // 30 years, which can be added to any time
    const std::int64_t end =
        start + static_cast<std::int64_t>(std::min(Nanoseconds(chunk.rows()), kForever));
    const absl::int128 sum = SumExactly(chunk.elements());
    while (ThreadNanoseconds() < end) {
    }
    return sum;
  }

  absl::Status ProcessCallback(const Chunk&, absl::int128 sum) override {
    total_ += sum;
    return absl::OkStatus();
  }

  absl::StatusOr<mpaio::Answer> Answer() const {
    const std::optional<std::int64_t> total = AsInt64(total_);
    if (!total) return absl::OutOfRangeError("the sum does not fit in an int64");
    return *total;
  }

 private:
  // With every cost, a row takes ns_per_row on average.
  double Nanoseconds(RowRange rows) const {
    const double mean = static_cast<double>(ns_per_row_);
    const double count = static_cast<double>(rows.size());
    if (mean == 0) return 0;
    if (cost_ == Cost::kConstant) return mean * count;
    if (cost_ == Cost::kLinear) {
      // Row r of n costs 2 * mean * (r + 1/2) / n; this is the sum over the rows.
      const double middle = (static_cast<double>(rows.begin) + static_cast<double>(rows.end)) / 2;
      return 2 * mean * count * middle / static_cast<double>(data_iterator().array_rows());
    }
    double sum = 0;
    for (Index row = rows.begin; row < rows.end; ++row) {
      sum += 2 * mean * static_cast<double>(Scramble(static_cast<std::uint64_t>(row)) >> 11) /
             static_cast<double>(std::uint64_t{1} << 53);
    }
    return sum;
  }

  Index ns_per_row_;
  Cost cost_;
  absl::int128 total_ = 0;
};

MPAIO_REGISTER_WORKER({
    .summary =
        "adds up integers, and uses a stated CPU time for each row; for benchmarks and tests",
    .accepts = {AcceptedType::Of<std::int64_t>()},
    .parameters = {ParameterInfo::Integer("ns_per_row",
                                          "mean time that a row costs, in nanoseconds", 1000, 0),
                   ParameterInfo::Choice("cost", "how the cost of rows is distributed",
                                         {"constant", "linear", "random"})},
    .output = nullptr,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      const std::string& cost = context.parameters.Text("cost");
      auto worker = std::make_unique<Spin>(std::move(context.chunks),
                                           context.parameters.Integer("ns_per_row"),
                                           cost == "constant" ? Cost::kConstant
                                           : cost == "linear" ? Cost::kLinear
                                                              : Cost::kRandom);
      const Spin* spin = worker.get();
      return Job{std::move(worker), [spin] { return spin->Answer(); }, nullptr};
    },
});

}  // namespace
}  // namespace mpaio
