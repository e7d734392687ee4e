// SPDX-License-Identifier: Apache-2.0

// Runs several workers, of different types over different arrays, in one pool at once.
#ifndef MPAIO_ORCHESTRATION_WORKER_ORCHESTRATOR_H_
#define MPAIO_ORCHESTRATION_WORKER_ORCHESTRATOR_H_

#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "mpaio/executor/executor.h"
#include "mpaio/orchestration/run.h"
#include "mpaio/orchestration/run_options.h"
#include "mpaio/worker/worker.h"

namespace mpaio {

// Every rank of the pool constructs the same orchestrator: the same workers in the same order, each
// over its rank's view of the same array. In a thread pool (thread_pool.h) there is one
// orchestrator, rank 0's, whose workers the other ranks use too. The executor and the workers
// belong to the caller and must outlive the runs.
//
//   auto run = orchestrator.Start();  // rank 0: returns at once; other ranks: when the run is over
//   ... run->Poll() / run->Next() / run->Cancel() ...
//   absl::Status status = run->Wait();
class WorkerOrchestrator {
 public:
  WorkerOrchestrator(Executor& executor, std::vector<WorkerBase*> workers)
      : executor_(executor), workers_(std::move(workers)) {}

  // Collective over the executor's pool. On rank 0 the run has begun and advances inside the calls
  // to the handle; on the other ranks Start processes chunks until the run is over. One run at a
  // time; the next one may be started when it is over. An error means that nothing has begun, and
  // is the same on every rank: InvalidArgument if there is no worker, if one is null, does not read
  // its array's type, or has no data on its rank, if the schedule to replay belongs to another run,
  // or if chunk_deadline is set in a pool whose ranks are threads; FailedPrecondition if a run of a
  // thread pool has not ended.
  absl::StatusOr<Run> Start(const RunOptions& options = {});

 private:
  absl::Status CheckWorkers() const;

  Executor& executor_;
  std::vector<WorkerBase*> workers_;
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_WORKER_ORCHESTRATOR_H_
