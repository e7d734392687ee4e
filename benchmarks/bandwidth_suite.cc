// SPDX-License-Identifier: Apache-2.0

// The fraction of the memory bandwidth that is reached: a sum, a map and copies over 800 MB in warm
// memory, by mpaio and by plain processes and threads that do nothing else.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "benchmarks/case_list.h"
#include "benchmarks/pool.h"
#include "benchmarks/suite.h"
#include "mpaio/kernel/sum.h"
#include "mpaio/kernel/vector_math.h"
#include "mpaio/window/output_array.h"
#include "mpaio/window/stream_copy.h"

namespace mpaio {
namespace {

constexpr Index kCount = 100'000'000;
constexpr Index kBytes = kCount * 8;

std::int64_t Sum(std::span<const std::int64_t> numbers) {
  return static_cast<std::int64_t>(SumExactly(numbers));
}

// y = sqrt(x) * sin(x), one block at a time, so that the sines are still in the cache when they are
// multiplied.
void Map(const double* x, double* y, Index count) {
  static const MathLoop sine = FindMathLoop(MathFunction::kSin);
  constexpr Index kBlock = 1024;
  for (Index at = 0; at < count; at += kBlock) {
    const Index length = std::min(kBlock, count - at);
    sine(x + at, y + at, length);
    for (Index k = at; k < at + length; ++k) y[k] *= std::sqrt(x[k]);
  }
}

void Copy(const double* x, double* y, Index count) {
  std::memcpy(y, x, static_cast<std::size_t>(count) * sizeof(double));
}

void Stream(const double* x, double* y, Index count) {
  StreamCopy(reinterpret_cast<std::byte*>(y), reinterpret_cast<const std::byte*>(x),
             count * Index{sizeof(double)});
}

using Loop = void (*)(const double*, double*, Index);

class LoopWorker final : public Worker<double, std::string> {
 public:
  LoopWorker(DataIterator data, Loop loop, const OutputArray& output)
      : Worker(std::move(data)), loop_(loop), output_(output) {}
  absl::StatusOr<std::string> Process(const ChunkView<double>& chunk) const override {
    const std::span<const double> x = chunk.elements();
    loop_(x.data(), output_.Rows<double>(chunk.rows()).data(), static_cast<Index>(x.size()));
    return output_.Finish(chunk.rows());
  }
  absl::Status ProcessCallback(const Chunk& chunk, std::string written) override {
    return output_.Accept(chunk.rows, written);
  }
  absl::Status Check() const { return absl::OkStatus(); }

 private:
  Loop loop_;
  const OutputArray& output_;
};

class Cases {
 public:
  explicit Cases(std::shared_ptr<BenchmarkPool> pool)
      : pool_(std::move(pool)), world_(pool_->world()) {}

  void Add(std::string name, double bytes, std::function<absl::StatusOr<double>()> run) {
    BenchmarkCase one{std::move(name), std::move(run)};
    one.bytes = bytes;
    cases_.push_back(std::move(one));
  }
  // Adds a case in which each rank calls `work(begin, end)` for its share of the elements and does
  // nothing else. The measured time ends when all ranks have finished.
  template <typename Work>
  void AddBare(std::string name, double bytes, Work work) {
    const Communicator& world = world_;
    Add(std::move(name), bytes, [&world, work]() -> absl::StatusOr<double> {
      return Timed(world, [&]() -> absl::Status {
        work(kCount * world.rank() / world.size(), kCount * (world.rank() + 1) / world.size());
        return world.Barrier();
      });
    });
  }
  // Adds cases in which rank 0's threads call `work(begin, end)` for pieces of the elements.
  template <typename Work>
  void AddThreads(const std::string& name, double bytes, Work work) {
    constexpr Index kPieces = 1'000;
    const auto piece = [work](Index k) {
      work(kCount * k / kPieces, kCount * (k + 1) / kPieces);
      return std::int64_t{0};
    };
    const Communicator& world = world_;
    const auto results = std::make_shared<std::vector<std::int64_t>>(kPieces);
    const auto add = [&](const char* peer, auto run) {
      Add(absl::StrCat(name, peer), bytes,
          [&world, run, piece, results]() -> absl::StatusOr<double> {
            return Timed(world, [&]() -> absl::Status {
              if (world.rank() == 0) run(world.size(), piece, std::span<std::int64_t>(*results));
              return absl::OkStatus();
            });
          });
    };
    add("OpenMpDynamic", [](int threads, const auto& function, std::span<std::int64_t> to) {
      peers::OpenMp(peers::OpenMpSchedule::kDynamic, threads, function, to);
    });
#ifdef MPAIO_HAVE_TBB
    add("TbbAuto", [](int threads, const auto& function, std::span<std::int64_t> to) {
      peers::TbbAuto(threads, function, to);
    });
#endif
  }
  std::vector<BenchmarkCase> Take() { return std::move(cases_); }

 private:
  std::shared_ptr<BenchmarkPool> pool_;
  const Communicator& world_;
  std::vector<BenchmarkCase> cases_;
};

absl::StatusOr<std::vector<BenchmarkCase>> MakeBandwidthCases(const Communicator& world) {
  MPAIO_ASSIGN_OR_RETURN(const std::shared_ptr<BenchmarkPool> pool, BenchmarkPool::Create(world));
  Cases cases(pool);
  MPAIO_ASSIGN_OR_RETURN(const std::span<std::int64_t> numbers,
                         pool->Numbers(kCount, [](Index k) { return k; }));
  MPAIO_ASSIGN_OR_RETURN(const NdView array,
                         NdView::Create(numbers.data(), DType::Of<std::int64_t>(), {kCount}));

  // The limit: the same kernel without any dispatching.
  cases.AddBare("BM_Sum_BareProcesses", kBytes, [numbers](Index begin, Index end) {
    volatile std::int64_t kept = Sum(
        numbers.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
    static_cast<void>(kept);
  });
  DataIterator::Options options;
  options.parallelism = world.size();
  for (const auto& [name, partition] :
       {std::pair{"8", Partition::ChunkCount(8)}, std::pair{"1000", Partition::ChunkCount(1'000)},
        std::pair{"auto", Partition::Auto()}}) {
    MPAIO_ASSIGN_OR_RETURN(const DataIterator data,
                           DataIterator::Create(array, partition, options));
    const auto sum = [](std::span<const std::int64_t> elements, ChunkId) { return Sum(elements); };
    cases.Add(absl::StrCat("BM_Sum_Mpaio/chunks:", name), kBytes, [=] {
      return pool->TimeRun([&] { return FunctionWorker(data, sum, kCount * (kCount - 1) / 2); });
    });
  }
  cases.AddThreads("BM_Sum_", kBytes, [numbers](Index begin, Index end) {
    volatile std::int64_t kept = Sum(
        numbers.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
    static_cast<void>(kept);
  });

  // The same number of bytes as float64. The values are small, but their sines cost as much as
  // those of larger values.
  MPAIO_ASSIGN_OR_RETURN(OutputArray output,
                         OutputArray::Create(pool->executor(), DType::Of<double>(), {kCount}));
  const auto shared_output = std::make_shared<OutputArray>(std::move(output));
  MPAIO_ASSIGN_OR_RETURN(const std::span<std::int64_t> bits, pool->Numbers(kCount, [](Index k) {
    return std::bit_cast<std::int64_t>(static_cast<double>(k % 1'000'000) * 1e-3);
  }));
  const double* const x = reinterpret_cast<const double*>(bits.data());
  double* const y = shared_output->Rows<double>({0, kCount}).data();
  MPAIO_ASSIGN_OR_RETURN(const NdView input, NdView::Create(x, DType::Of<double>(), {kCount}));
  for (const auto& [kind, loop] :
       {std::pair{"Map", &Map}, std::pair{"Copy", &Copy}, std::pair{"StreamCopy", &Stream}}) {
    const auto range = [loop = loop, x, y](Index begin, Index end) {
      loop(x + begin, y + begin, end - begin);
    };
    range(0, kCount);  // maps every page in every rank before the measurement
    MPAIO_RETURN_IF_ERROR(world.Barrier());
    cases.AddBare(absl::StrCat("BM_", kind, "_BareProcesses"), 2.0 * kBytes, range);
    cases.AddThreads(absl::StrCat("BM_", kind, "_"), 2.0 * kBytes, range);
    MPAIO_ASSIGN_OR_RETURN(const DataIterator data,
                           DataIterator::Create(input, Partition::Auto(), options));
    cases.Add(absl::StrCat("BM_", kind, "_Mpaio"), 2.0 * kBytes, [=, loop = loop] {
      return pool->TimeRun([&] { return LoopWorker(data, loop, *shared_output); });
    });
  }
  return cases.Take();
}

}  // namespace
}  // namespace mpaio

int main(int argc, char** argv) { return mpaio::RunSuite(argc, argv, mpaio::MakeBandwidthCases); }
