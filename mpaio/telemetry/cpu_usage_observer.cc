// SPDX-License-Identifier: Apache-2.0
#include "mpaio/telemetry/cpu_usage_observer.h"

#include <iterator>
#include <utility>

namespace mpaio {

absl::Status CpuUsageObserver::OnPhase(RunPhase phase, const RunStats&) {
  if (phase == RunPhase::kStarted) status_ = sampler_.Start(period_);
  if (phase != RunPhase::kEnded) return absl::OkStatus();
  CpuUsage of_run = sampler_.Stop();
  usage_.samples.insert(usage_.samples.end(), std::make_move_iterator(of_run.samples.begin()),
                        std::make_move_iterator(of_run.samples.end()));
  return status_;
}

}  // namespace mpaio
