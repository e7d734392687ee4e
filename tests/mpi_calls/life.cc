// SPDX-License-Identifier: Apache-2.0

// Usage: mpirun -n RANKS life INTS.npy
//
// A small program that uses mpaio from start to end: it loads an array into a window, runs a job
// over it, broadcasts the result, agrees on it, and finalizes.
//
// Each rank reports an error that it sees in one line: "rank 1: STEP: STATUS". Exit status of a
// rank: 0 if it saw no error; 3 if it saw an error but ended in order; 4, for the whole job, if the
// other ranks could not be informed.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/executor/mpi_executor.h"
#include "mpaio/mpi/environment.h"
#include "mpaio/orchestration/worker_orchestrator.h"
#include "mpaio/window/shared_array.h"
#include "mpaio/worker/worker.h"

namespace mpaio {
namespace {

class AddInts : public Worker<std::int64_t, std::int64_t> {
 public:
  using Worker::Worker;
  absl::StatusOr<std::int64_t> Process(const ChunkView<std::int64_t>& chunk) const override {
    const auto elements = chunk.elements();
    return std::accumulate(elements.begin(), elements.end(), std::int64_t{0});
  }
  absl::Status ProcessCallback(const Chunk&, std::int64_t sum) override {
    total += sum;
    return absl::OkStatus();
  }
  std::int64_t total = 0;
};

// Prints `status` unless it is OK. Returns `status`.
absl::Status Report(absl::string_view step, const absl::Status& status) {
  const char* const rank = std::getenv("OMPI_COMM_WORLD_RANK");
  if (!status.ok()) {
    std::fputs(absl::StrCat("rank ", rank == nullptr ? "0" : rank, ": ", step, ": ",
                            status.ToString(), "\n")
                   .c_str(),
               stderr);
    std::fflush(stderr);
  }
  return status;
}

// Rank 0 broadcasts the sum of the run; each rank compares it with its own sum of the array.
absl::Status Work(Executor& executor, const std::string& file, bool* is_broken) {
  const absl::StatusOr<SharedArray> array = SharedArray::FromFile(executor, file);
  MPAIO_RETURN_IF_ERROR(Report("load", array.status()));
  MPAIO_ASSIGN_OR_RETURN(DataIterator chunks,
                         DataIterator::Create(array->view(), Partition::ChunkSize(10)));
  AddInts add(std::move(chunks));
  absl::StatusOr<Run> run = WorkerOrchestrator(executor, {&add}).Start();
  MPAIO_RETURN_IF_ERROR(Report("start", run.status()));
  const absl::Status ended = Report("run", run->Wait());
  *is_broken = run->is_broken();
  MPAIO_RETURN_IF_ERROR(ended);
  std::string total_text;
  if (executor.rank() == 0) total_text = absl::StrCat(add.total);
  MPAIO_RETURN_IF_ERROR(Report("broadcast", executor.Broadcast(&total_text)));
  const auto* const ints = reinterpret_cast<const std::int64_t*>(array->view().data());
  const std::int64_t total =
      std::accumulate(ints, ints + array->view().num_elements(), std::int64_t{0});
  return Report("agree", executor.Agree(total_text == absl::StrCat(total)
                                            ? absl::OkStatus()
                                            : absl::InternalError("a wrong answer")));
}

int RunProgram(int argc, char** argv) {
  constexpr int kInOrder = 3, kAborted = 4;
  Environment environment(&argc, &argv);
  const Communicator& world = environment.world();
  if (!Report("environment", environment.status()).ok()) world.Abort(kAborted);
  absl::Status all;
  {
    const absl::StatusOr<std::unique_ptr<Executor>> executor = MpiExecutor::Create(world);
    if (!Report("create", executor.status()).ok()) world.Abort(kAborted);
    bool is_broken = false;
    all.Update(Work(**executor, argc > 1 ? argv[1] : "", &is_broken));
    if (is_broken || (*executor)->is_broken()) (*executor)->Abort(kAborted);
    all.Update(Report("close", (*executor)->Close()));
    if ((*executor)->is_broken()) (*executor)->Abort(kAborted);
  }
  all.Update(Report("finalize", environment.Finalize()));
  return all.ok() ? 0 : kInOrder;
}

}  // namespace
}  // namespace mpaio

int main(int argc, char** argv) { return mpaio::RunProgram(argc, argv); }
