// SPDX-License-Identifier: Apache-2.0
#include "mpaio/telemetry/progress_observer.h"

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace mpaio {

absl::Status ProgressObserver::OnPhase(RunPhase phase, const RunStats& stats) {
  if (phase == RunPhase::kStarted) {
    meter_.emplace(options_, sink_);
    meter_->MaybeUpdate(absl::Now(), stats.jobs);
  } else if (phase == RunPhase::kEnded) {
    meter_->Finish(absl::Now(), stats.jobs);
    meter_.reset();
  }
  return absl::OkStatus();
}

absl::Status ProgressObserver::OnRound(const RunStats& stats) {
  meter_->MaybeUpdate(absl::Now(), stats.jobs);
  return absl::OkStatus();
}

}  // namespace mpaio
