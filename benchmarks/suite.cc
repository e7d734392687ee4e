// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/suite.h"

#include <mpi.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "mpaio/mpi/environment.h"
#include "mpaio/transport/backoff.h"

namespace mpaio {
namespace {

constexpr int kEnd = -1;

[[noreturn]] void Die(const Communicator& world, const std::string& what) {
  std::fprintf(stderr, "benchmark, rank %d: %s\n", world.rank(), what.c_str());
  world.Abort(1);
}

// Rank 0 announces the number of the next case to all ranks. The others sleep while they wait, so
// that they take no core from rank 0's threads.
void Announce(const Communicator& world, int number) {
  for (int rank = 1; rank < world.size(); ++rank)
    MPI_Send(&number, 1, MPI_INT, rank, 0, world.get());
}
int AwaitAnnouncement(const Communicator& world) {
  int number = kEnd, arrived = 0;
  MPI_Request request;
  MPI_Irecv(&number, 1, MPI_INT, 0, 0, world.get(), &request);
  Backoff backoff;
  for (MPI_Test(&request, &arrived, MPI_STATUS_IGNORE); arrived == 0;
       MPI_Test(&request, &arrived, MPI_STATUS_IGNORE)) {
    backoff.Pause(absl::Milliseconds(1));
  }
  return number;
}

double RunCase(const Communicator& world, const BenchmarkCase& one) {
  absl::StatusOr<double> seconds = one.run();
  if (!seconds.ok()) Die(world, absl::StrCat(one.name, ": ", seconds.status().message()));
  return *seconds;
}

void Register(const Communicator& world, const std::vector<BenchmarkCase>& cases) {
  for (std::size_t k = 0; k < cases.size(); ++k) {
    const BenchmarkCase& one = cases[k];
    benchmark::RegisterBenchmark(one.name.c_str(),
                                 [&world, &one, k](benchmark::State& state) {
                                   for (auto _ : state) {
                                     Announce(world, static_cast<int>(k));
                                     state.SetIterationTime(RunCase(world, one));
                                   }
                                   if (one.items > 0)
                                     state.SetItemsProcessed(static_cast<std::int64_t>(one.items));
                                   if (one.bytes > 0)
                                     state.SetBytesProcessed(static_cast<std::int64_t>(one.bytes));
                                   for (const auto& [name, value] : one.counters)
                                     state.counters[name] = value;
                                 })
        ->Iterations(1)
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace

int RunSuite(int argc, char** argv, const MakeCases& make_cases) {
  Environment environment(&argc, &argv);
  if (!environment.status().ok()) {
    std::fprintf(stderr, "benchmark: %s\n", std::string(environment.status().message()).c_str());
    return EXIT_FAILURE;
  }
  const Communicator& world = environment.world();
  absl::StatusOr<std::vector<BenchmarkCase>> cases = make_cases(world);
  if (!cases.ok()) Die(world, std::string(cases.status().message()));
  if (world.rank() != 0) {
    for (int number = AwaitAnnouncement(world); number != kEnd; number = AwaitAnnouncement(world)) {
      RunCase(world, (*cases)[static_cast<std::size_t>(number)]);
    }
    return EXIT_SUCCESS;
  }
  // The user's flags come after these defaults and take precedence.
  std::vector<char*> arguments = {argv[0]};
  char repetitions[] = "--benchmark_repetitions=7",
       interleave[] = "--benchmark_enable_random_interleaving=true";
  arguments.push_back(repetitions);
  arguments.push_back(interleave);
  arguments.insert(arguments.end(), argv + 1, argv + argc);
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  bool understood = !benchmark::ReportUnrecognizedArguments(count, arguments.data());
  if (understood) {
    Register(world, *cases);
    benchmark::AddCustomContext("ranks", absl::StrCat(world.size()));
    benchmark::RunSpecifiedBenchmarks();
  }
  Announce(world, kEnd);
  return understood ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace mpaio
