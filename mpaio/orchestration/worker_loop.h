// SPDX-License-Identifier: Apache-2.0

// A worker rank's part in a run.
#ifndef MPAIO_ORCHESTRATION_WORKER_LOOP_H_
#define MPAIO_ORCHESTRATION_WORKER_LOOP_H_

#include <vector>

#include "absl/status/status.h"
#include "mpaio/executor/executor.h"
#include "mpaio/orchestration/run_options.h"
#include "mpaio/worker/worker.h"

namespace mpaio {

// The end of a run as seen by a worker rank.
struct WorkerLoopOutcome {
  // The status that rank 0 sent or, if `is_broken`, why this rank can no longer communicate with
  // it.
  absl::Status status;
  // This rank left the run on its own: rank 0 may be waiting for it.
  bool is_broken = false;
};

// Processes what rank 0 assigns until rank 0 ends the run. Returns how it ended. Receives messages
// between chunks, or every 100 µs if they are shorter; with more than 64 MiB of unsent results it
// waits for them to leave before it processes more chunks.
WorkerLoopOutcome RunWorkerLoop(Executor& executor, const std::vector<WorkerBase*>& workers,
                                const RunOptions& options);

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_WORKER_LOOP_H_
