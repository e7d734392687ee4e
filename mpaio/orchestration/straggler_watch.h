// SPDX-License-Identifier: Apache-2.0

// Terminates ranks that delay the end of a run.
#ifndef MPAIO_ORCHESTRATION_STRAGGLER_WATCH_H_
#define MPAIO_ORCHESTRATION_STRAGGLER_WATCH_H_

#include <chrono>

#include "mpaio/orchestration/run_state.h"

namespace mpaio {

// When a run ends, ranks may still be in a chunk that another rank has completed, or that nobody
// needs any more.
class StragglerWatch {
 public:
  explicit StragglerWatch(RunState& run) : run_(run) {}

  // Called when the ranks have been told that the run is over.
  void Start(bool is_cancelled);
  // Terminates the ranks that have not answered in time. To be called often after Start.
  void EndStragglers();

 private:
  using Clock = std::chrono::steady_clock;

  Clock::duration Patience(bool is_cancelled) const;

  RunState& run_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point next_check_ = Clock::time_point::max();
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_STRAGGLER_WATCH_H_
