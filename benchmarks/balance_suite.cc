// SPDX-License-Identifier: Apache-2.0

// Load balance of chunks of unequal cost: several distributions of the cost, run by mpaio and by
// the peers; and mpaio with fixed chunk sizes instead of the automatic size.
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "benchmarks/case_list.h"
#include "benchmarks/loads.h"
#include "benchmarks/pool.h"
#include "benchmarks/suite.h"

namespace mpaio {
namespace {

constexpr Index kRows = 2'000;
constexpr double kSerialSeconds = 0.200;
constexpr Index kMandelbrotWidth = 400;
constexpr Index kSweptSizes[] = {2, 8, 32, 128};
// In the case SlowRank, rank 1 needs this many times longer for a row.
constexpr int kSlowness = 3;

std::string Capitalized(std::string name) {
  name[0] = absl::ascii_toupper(static_cast<unsigned char>(name[0]));
  return name;
}

// Adds mpaio's cases that choose the chunks or the schedule themselves. `of_elements` computes a
// chunk; all chunks together give `expected`.
template <typename OfElements>
absl::Status AddDivisions(const std::shared_ptr<BenchmarkPool>& pool, const std::string& shape,
                          const NdView& array, const OfElements& of_elements, std::int64_t expected,
                          CaseList& list) {
  DataIterator::Options options;
  options.parallelism = pool->world().size();
  MPAIO_ASSIGN_OR_RETURN(const DataIterator automatic,
                         DataIterator::Create(array, Partition::Auto(), options));
  list.AddOurs(absl::StrCat("BM_Balance_MpaioAuto/", shape), kRows, [=] {
    return pool->TimeRun([&] { return FunctionWorker(automatic, of_elements, expected); });
  });
  for (const Index size : kSweptSizes) {
    MPAIO_ASSIGN_OR_RETURN(const DataIterator swept,
                           DataIterator::Create(array, Partition::ChunkSize(size)));
    list.AddOurs(absl::StrCat("BM_Balance_MpaioChunk", size, "/", shape), kRows, [=] {
      return pool->TimeRun([&] { return FunctionWorker(swept, of_elements, expected); });
    });
  }
  return absl::OkStatus();
}

// Adds mpaio's cases with the schedules of the literature, and one row per chunk as for the peers.
template <typename OfElements>
void AddSchedules(const std::shared_ptr<BenchmarkPool>& pool, const std::string& shape,
                  const DataIterator& one_row, const OfElements& of_elements, std::int64_t expected,
                  CaseList& list) {
  for (std::size_t k = 0; k < ScheduleNames().size(); ++k) {
    const std::string& name = ScheduleNames()[k];
    RunOptions with_schedule;
    with_schedule.policy = ComparisonPolicy(static_cast<ScheduleKind>(k));
    if (with_schedule.policy == nullptr) continue;
    list.AddOurs(
        absl::StrCat("BM_Balance_MpaioSchedule", Capitalized(name), "/", shape), kRows, [=] {
          return pool->TimeRun([&] { return FunctionWorker(one_row, of_elements, expected); },
                               with_schedule);
        });
  }
}

// Adds all cases for one distribution of the cost: cost_of_row(row) takes the time and returns a
// number.
template <typename CostOfRow>
absl::Status AddShape(const std::shared_ptr<BenchmarkPool>& pool, const std::string& shape,
                      const CostOfRow& cost_of_row, bool with_peers, CaseList& list) {
  MPAIO_ASSIGN_OR_RETURN(const std::span<std::int64_t> numbers,
                         pool->Numbers(kRows, [](Index row) { return row; }));
  MPAIO_ASSIGN_OR_RETURN(const NdView array,
                         NdView::Create(numbers.data(), DType::Of<std::int64_t>(), {kRows}));
  MPAIO_ASSIGN_OR_RETURN(const DataIterator one_row,
                         DataIterator::Create(array, Partition::ChunkSize(1)));
  std::uint64_t total = 0;
  for (Index row = 0; row < kRows; ++row) total += static_cast<std::uint64_t>(cost_of_row(row));
  const auto of_elements = [cost_of_row](std::span<const std::int64_t> rows, ChunkId) {
    std::uint64_t sum = 0;
    for (const std::int64_t row : rows) sum += static_cast<std::uint64_t>(cost_of_row(row));
    return static_cast<std::int64_t>(sum);
  };
  const auto expected = static_cast<std::int64_t>(total);
  MPAIO_RETURN_IF_ERROR(AddDivisions(pool, shape, array, of_elements, expected, list));
  AddSchedules(pool, shape, one_row, of_elements, expected, list);
  const auto ours = [=] {
    return pool->TimeRun([&] { return FunctionWorker(one_row, of_elements, expected); });
  };
  if (with_peers) return list.Add("Balance", shape, kRows, 0, cost_of_row, ours);
  list.AddOurs(absl::StrCat("BM_Balance_Mpaio/", shape), kRows, ours);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<BenchmarkCase>> MakeBalanceCases(const Communicator& world) {
  MPAIO_ASSIGN_OR_RETURN(const std::shared_ptr<BenchmarkPool> pool, BenchmarkPool::Create(world));
  CaseList list(pool);
  MPAIO_ASSIGN_OR_RETURN(const double ns_per_round, SameOnAllRanks(world, NanosecondsPerRound));

  for (const NamedShape& shape : kShapes) {
    const auto rounds = std::make_shared<const std::vector<std::int64_t>>(
        RoundsOf(shape.shape, kRows, kSerialSeconds * 1e9 / ns_per_round));
    MPAIO_RETURN_IF_ERROR(AddShape(
        pool, shape.name,
        [rounds](Index row) { return Burn((*rounds)[static_cast<std::size_t>(row)]); },
        /*with_peers=*/true, list));
  }
  // All rows cost the same, but one rank is slower. The peers' threads have no ranks.
  const std::int64_t rounds =
      std::llround(kSerialSeconds * 1e9 / ns_per_round / static_cast<double>(kRows));
  const int times = world.rank() == 1 ? kSlowness : 1;
  const auto on_this_rank = [rounds, times](Index row) {
    std::int64_t result = 0;
    // Each call has a different argument, because the compiler could drop a repeated call.
    for (int k = times; k-- > 0;) result = Burn(rounds + row % 2 + k);
    return result;
  };
  MPAIO_RETURN_IF_ERROR(AddShape(pool, "SlowRank", on_this_rank, /*with_peers=*/false, list));
  MPAIO_RETURN_IF_ERROR(AddShape(
      pool, "Mandelbrot", [](Index row) { return MandelbrotRow(row, kRows, kMandelbrotWidth); },
      /*with_peers=*/true, list));
  return list.Take();
}

}  // namespace
}  // namespace mpaio

int main(int argc, char** argv) { return mpaio::RunSuite(argc, argv, mpaio::MakeBalanceCases); }
