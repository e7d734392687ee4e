// SPDX-License-Identifier: Apache-2.0

// Overhead per chunk: many small chunks, run by mpaio and by the peers; and chunks of a known
// duration, from which bench.py computes the minimum effective task granularity (METG, as Task
// Bench defines it: Slaughter et al., SC 2020).
#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmarks/case_list.h"
#include "benchmarks/loads.h"
#include "benchmarks/pool.h"
#include "benchmarks/suite.h"

namespace mpaio {
namespace {

constexpr Index kMaxChunks = 100'000;
constexpr Index kNumbers = 6'400'000;

// Returns a result of `bytes` bytes for each chunk.
class Blobs final : public Worker<std::int64_t, std::string> {
 public:
  Blobs(DataIterator data, std::size_t bytes) : Worker(std::move(data)), bytes_(bytes) {}
  absl::StatusOr<std::string> Process(const ChunkView<std::int64_t>& chunk) const override {
    return std::string(bytes_, static_cast<char>(chunk.elements()[0]));
  }
  absl::Status ProcessCallback(const Chunk&, std::string result) override {
    received_ += result.size();
    return absl::OkStatus();
  }
  absl::Status Check() const {
    if (received_ == bytes_ * static_cast<std::size_t>(data_iterator().num_chunks()))
      return absl::OkStatus();
    return absl::InternalError("results are missing");
  }

 private:
  std::size_t bytes_;
  std::size_t received_ = 0;
};

absl::StatusOr<DataIterator> Chunks(const NdView& array, Index rows, Index count) {
  DataIterator::Options options;
  options.end_row = rows * count;
  return DataIterator::Create(array, Partition::ChunkSize(rows), options);
}

absl::StatusOr<std::vector<BenchmarkCase>> MakeDispatchCases(const Communicator& world) {
  MPAIO_ASSIGN_OR_RETURN(const std::shared_ptr<BenchmarkPool> pool, BenchmarkPool::Create(world));
  MPAIO_ASSIGN_OR_RETURN(const std::span<std::int64_t> numbers,
                         pool->Numbers(kNumbers, [](Index k) { return k; }));
  MPAIO_ASSIGN_OR_RETURN(const NdView array,
                         NdView::Create(numbers.data(), DType::Of<std::int64_t>(), {kNumbers}));
  CaseList list(pool);

  for (const Index rows : {1, 16, 64, 1024}) {
    const Index count = std::min(kMaxChunks, kNumbers / rows);
    MPAIO_ASSIGN_OR_RETURN(const DataIterator data, Chunks(array, rows, count));
    const std::int64_t total = SumPlainly(numbers.first(static_cast<std::size_t>(rows * count)));
    const auto sum = [numbers, rows](Index chunk) {
      return SumPlainly(
          numbers.subspan(static_cast<std::size_t>(chunk * rows), static_cast<std::size_t>(rows)));
    };
    const auto of_elements = [](std::span<const std::int64_t> elements, ChunkId) {
      return SumPlainly(elements);
    };
    MPAIO_RETURN_IF_ERROR(list.Add("Dispatch", absl::StrCat("rows:", rows), count, 0, sum, [=] {
      return pool->TimeRun([&] { return FunctionWorker(data, of_elements, total); });
    }));
  }

  for (const Index bytes : {8, 1024, 65536}) {
    const Index count = std::min(kMaxChunks, (Index{256} << 20) / bytes);
    MPAIO_ASSIGN_OR_RETURN(const DataIterator data, Chunks(array, 1, count));
    list.AddOurs(absl::StrCat("BM_Results_Mpaio/bytes:", bytes), count, [=] {
      return pool->TimeRun([&] { return Blobs(data, static_cast<std::size_t>(bytes)); });
    });
  }

  MPAIO_ASSIGN_OR_RETURN(const double ns_per_round, SameOnAllRanks(world, NanosecondsPerRound));
  for (const double ns : {50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0, 50000.0}) {
    const auto count =
        static_cast<Index>(std::clamp(40e6 / ns, 1000.0, static_cast<double>(kMaxChunks)));
    const auto rounds = static_cast<std::int64_t>(ns / ns_per_round);
    MPAIO_ASSIGN_OR_RETURN(const DataIterator data, Chunks(array, 1, count));
    const auto burn = [rounds](Index) { return Burn(rounds) & 1; };
    const auto of_elements = [rounds](std::span<const std::int64_t>, ChunkId) {
      return Burn(rounds) & 1;
    };
    const std::int64_t total = count * (Burn(rounds) & 1);
    MPAIO_RETURN_IF_ERROR(list.Add("Metg", absl::StrCat("ns:", ns), count, ns, burn, [=] {
      return pool->TimeRun([&] { return FunctionWorker(data, of_elements, total); });
    }));
  }
  return list.Take();
}

}  // namespace
}  // namespace mpaio

int main(int argc, char** argv) { return mpaio::RunSuite(argc, argv, mpaio::MakeDispatchCases); }
