// SPDX-License-Identifier: Apache-2.0

// Shows the progress of runs.
#ifndef MPAIO_TELEMETRY_PROGRESS_OBSERVER_H_
#define MPAIO_TELEMETRY_PROGRESS_OBSERVER_H_

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "mpaio/orchestration/run_observer.h"
#include "mpaio/telemetry/progress.h"

namespace mpaio {

// Draws from the start of each run to its end, with time and rates of that run alone. May observe
// several runs, one after the other.
class ProgressObserver final : public RunObserver {
 public:
  // As for ProgressMeter.
  ProgressObserver(ProgressOptions options, ProgressMeter::Sink sink)
      : options_(options), sink_(std::move(sink)) {}

  absl::Status OnPhase(RunPhase phase, const RunStats& stats) override;
  absl::Status OnRound(const RunStats& stats) override;

 private:
  ProgressOptions options_;
  ProgressMeter::Sink sink_;
  std::optional<ProgressMeter> meter_;  // during a run
};

}  // namespace mpaio

#endif  // MPAIO_TELEMETRY_PROGRESS_OBSERVER_H_
