// SPDX-License-Identifier: Apache-2.0

// The options of a run.
#ifndef MPAIO_ORCHESTRATION_RUN_OPTIONS_H_
#define MPAIO_ORCHESTRATION_RUN_OPTIONS_H_

#include <atomic>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "mpaio/base/index.h"
#include "mpaio/dispatch/schedule_policy.h"
#include "mpaio/orchestration/resumed_results.h"
#include "mpaio/orchestration/run_observer.h"
#include "mpaio/orchestration/run_statistics.h"
#include "mpaio/result/reorder_buffer.h"

namespace mpaio {

struct RunOptions {
  // The order of callbacks within each job: by chunk, or by arrival of the results.
  Delivery delivery = Delivery::kInOrder;
  // The run ends with DeadlineExceeded if it takes longer.
  absl::Duration deadline = absl::InfiniteDuration();
  // Limit on the encoded results that rank 0 holds because their turn has not come, or because the
  // user has not asked for them. At the limit no more work is assigned until some are delivered. A
  // single result may exceed the limit.
  Index max_held_bytes = Index{256} << 20;
  // The number of assignments that a worker rank may hold, so that it need not wait for rank 0.
  int credits = 4;
  // How chunks are distributed; null: mpaio's own schedule (dispatcher.h). See ComparisonPolicy and
  // ReplayPolicy, which also says when a replayed plan is dropped. Only rank 0's value is used.
  std::shared_ptr<const SchedulePolicy> policy = nullptr;
  // How many times a chunk is retried that has killed or hung the process that ran it.
  int retries = 3;
  // The wall-clock time that a chunk may take before the process that runs it is killed. Applies to
  // isolated chunks (WorkerBase::set_isolated).
  absl::Duration chunk_deadline = absl::InfiniteDuration();
  // End the run at the first chunk that fails for good, instead of processing all others.
  bool fail_fast = false;
  // Idle ranks also process the assignments of ranks that have been silent for long; the first
  // result counts.
  bool speculates = true;
  // Called in this order on rank 0, at no cost if there are none. They must outlive the run. Only
  // rank 0's value is used.
  std::vector<RunObserver*> observers = {};
  // Optional results of an earlier run, which are delivered; their chunks are not processed again.
  // They must outlive the run. Only rank 0's value is used.
  const ResumedResults* resumed = nullptr;
  // If not null: the run is cancelled, as by Run::Cancel, when this is true. It may be set from any
  // thread and from a signal handler, and must outlive the run. Only rank 0's value is used.
  const std::atomic<bool>* cancelled = nullptr;
  // How long a cancelled run waits for chunks that are being processed before it terminates the
  // ranks that process them, if the pool can do that.
  absl::Duration cancel_patience = absl::Seconds(10);
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_RUN_OPTIONS_H_
