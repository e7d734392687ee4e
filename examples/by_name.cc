// SPDX-License-Identifier: Apache-2.0

// Runs workers by name over an array in memory, without a file, and gets arrays back. BUILD builds
// it twice: by_name runs on threads, without MPI, and by_name_mpi on the ranks of an mpirun.
//
//   bazel-bin/examples/by_name
//   mpirun -n 4 bazel-bin/examples/by_name_mpi
#include <cstdio>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "mpaio/mpaio.h"

namespace {

void Print(const char* title, std::span<const double> numbers) {
  std::printf("%s:", title);
  for (const double number : numbers) std::printf(" %g", number);
  std::printf("\n");
}

// Called on every rank. In a thread pool the program is rank 0, and there is no other.
absl::Status Run(mpaio::Executor& pool) {
  constexpr mpaio::Index kCount = 1001;
  MPAIO_ASSIGN_OR_RETURN(mpaio::SharedArray heights,
                         mpaio::SharedArray::Create(pool, mpaio::DType::Of<double>(), {kCount}));
  if (pool.node_rank() == 0) {
    MPAIO_ASSIGN_OR_RETURN(const std::span<double> to, heights.mutable_view().Span<double>());
    for (mpaio::Index i = 0; i < kCount; ++i)
      to[static_cast<std::size_t>(i)] = static_cast<double>(i * 5 % kCount);
  }
  MPAIO_RETURN_IF_ERROR(heights.Seal(pool));

  MPAIO_ASSIGN_OR_RETURN(
      std::vector<mpaio::PlannedJob> plan,
      mpaio::PlanJobs(
          {{.worker = "quantile", .input = "heights", .parameters = {{"q", "0.25,0.5,0.75"}}},
           {.worker = "sort", .input = "heights"}}));
  mpaio::JobRun run(pool, std::move(plan));
  MPAIO_RETURN_IF_ERROR(run.AddArray("heights", heights.view()));
  MPAIO_RETURN_IF_ERROR(run.Prepare());
  MPAIO_RETURN_IF_ERROR(run.Run());
  if (pool.rank() != 0) return absl::OkStatus();  // rank 0 has the answers

  MPAIO_ASSIGN_OR_RETURN(const mpaio::NdView quartiles, run.outcomes()[0].Array());
  MPAIO_ASSIGN_OR_RETURN(const mpaio::NdView sorted, run.outcomes()[1].Array());
  MPAIO_ASSIGN_OR_RETURN(const std::span<const double> numbers, quartiles.Span<double>());
  MPAIO_ASSIGN_OR_RETURN(const std::span<const double> in_order, sorted.Span<double>());
  Print("quartiles", numbers);
  Print("smallest", in_order.first(5));
  return absl::OkStatus();
}

#ifdef MPAIO_HAS_MPI
absl::Status RunInPool(const mpaio::Environment& environment) {
  MPAIO_RETURN_IF_ERROR(environment.status());
  MPAIO_ASSIGN_OR_RETURN(const std::unique_ptr<mpaio::Executor> pool,
                         mpaio::MpiExecutor::Create(environment.world()));
  return Run(*pool);
}
#else
absl::Status RunInPool() {
  MPAIO_ASSIGN_OR_RETURN(const std::unique_ptr<mpaio::Executor> pool, mpaio::MakeThreadPool());
  return Run(*pool);
}
#endif

}  // namespace

int main(int argc, char** argv) {
#ifdef MPAIO_HAS_MPI
  mpaio::Environment environment(&argc, &argv);
  const absl::Status status = RunInPool(environment);
  if (environment.world().rank() != 0) return 0;
#else
  (void)argc, (void)argv;
  const absl::Status status = RunInPool();
#endif
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
