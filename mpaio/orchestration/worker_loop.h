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

// How a run ended for a worker rank.
struct WorkerLoopOutcome {
  // What rank 0 said; or, where `is_broken`, why it cannot be heard any more.
  absl::Status status;
  // This rank left the run by itself: rank 0 may be waiting for it.
  bool is_broken = false;
};

// Processes what rank 0 assigns until it says that the run has ended, and returns how it ended.
// Between chunks, and at least every 100 µs of short ones, it looks for messages; with more than 64
// MiB of results on their way it waits for them to leave before it makes more.
WorkerLoopOutcome RunWorkerLoop(Executor& executor, const std::vector<WorkerBase*>& workers,
                                const RunOptions& options);

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_WORKER_LOOP_H_
