// SPDX-License-Identifier: Apache-2.0

// A pool whose ranks are threads of this process: all cores, without MPI.
//
//   auto pool = mpaio::MakeThreadPool();                      // one rank for each CPU
//   auto array = mpaio::SharedArray::FromFile(**pool, "a.npy");
//   Sum sum(*mpaio::DataIterator::Create(array->view()));     // any worker
//   auto run = mpaio::WorkerOrchestrator(**pool, {&sum}).Start();
//   absl::Status status = run->Wait();
#ifndef MPAIO_EXECUTOR_THREAD_POOL_H_
#define MPAIO_EXECUTOR_THREAD_POOL_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "mpaio/executor/executor.h"
#include "mpaio/host/huge_pages.h"

namespace mpaio {

struct ThreadPoolOptions {
  static constexpr int kMostThreads = 4096;
  // The number of ranks, that of the caller included. 0: one for each CPU that this thread may run
  // on (its affinity mask), kMostThreads at most. A CPU quota of the control group does not count.
  int threads = 0;
  // True if rank 0 also processes chunks while the caller is inside a call to its Run. Unset: true
  // if there is a CPU for each rank.
  std::optional<bool> orchestrator_works = std::nullopt;
  HugePages huge_pages = HugePages::kAuto;
};

// The thread that uses the executor is rank 0, and the only one that runs the user's program: it
// makes the collective calls, which wait for nobody, creates the workers and starts the runs. The
// other ranks sleep between runs. In a run they call Process on the same worker objects as rank 0,
// several at a time; callbacks are called on rank 0 only.
//
// Chunks are not isolated (can_isolate), because a process with several threads cannot fork safely:
// a Process that crashes ends this process, one that hangs is waited for, a worker's set_isolated
// has no effect, and RunOptions::chunk_deadline is refused. No copy of a chunk is processed while
// the chunk itself is (RunOptions::speculates), because neither could be ended. The chunks of a
// rank that can no longer communicate are assigned again, though.
//
// One thread at a time may use the executor and its runs. The other ranks block the signals that
// are sent to the process, except SIGPROF and those of faults, so that they arrive at the caller's
// threads. Close ends a run that is still active: its ranks stop after the chunks that they are
// processing, and the Run returns an error at its next call; the pool's memory stays until then, so
// that callbacks can use it. A Run must be destroyed before the pool is.
//
// Errors: InvalidArgument where `threads` is negative or over kMostThreads; FailedPrecondition
// where huge pages are required and there are none; ResourceExhausted where the system refuses a
// thread.
absl::StatusOr<std::unique_ptr<Executor>> MakeThreadPool(const ThreadPoolOptions& options = {});

}  // namespace mpaio

#endif  // MPAIO_EXECUTOR_THREAD_POOL_H_
