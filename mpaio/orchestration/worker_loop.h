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
  // The status that rank 0 sent or, if `is_broken`, the error that cut this rank off from rank 0.
  absl::Status status;
  // This rank left the run on its own: rank 0 may be waiting for it.
  bool is_broken = false;
};

// Processes the chunks that rank 0 assigns, until rank 0 ends the run. Returns how the run ended.
// Receives messages between chunks, or every 100 µs if chunks are shorter; with more than 64 MiB of
// unsent messages it sends before it processes more chunks.
WorkerLoopOutcome RunWorkerLoop(Executor& executor, const std::vector<WorkerBase*>& workers,
                                const RunOptions& options);

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_WORKER_LOOP_H_
