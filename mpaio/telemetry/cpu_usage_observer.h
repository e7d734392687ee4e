// SPDX-License-Identifier: Apache-2.0

// Samples the usage of the cores of rank 0's host during runs.
#ifndef MPAIO_TELEMETRY_CPU_USAGE_OBSERVER_H_
#define MPAIO_TELEMETRY_CPU_USAGE_OBSERVER_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "mpaio/orchestration/run_observer.h"
#include "mpaio/telemetry/cpu_usage.h"

namespace mpaio {

// May observe several runs, one after the other.
class CpuUsageObserver final : public RunObserver {
 public:
  // Takes a sample once per period; see CpuSampler::Start.
  explicit CpuUsageObserver(absl::Duration period = absl::Milliseconds(200)) : period_(period) {}

  // Returns the samples of all runs that have ended. Seconds count from the start of each run.
  const CpuUsage& usage() const { return usage_; }

  // A run without samples is better than none, so the error of CpuSampler::Start is returned only
  // at the end.
  absl::Status OnPhase(RunPhase phase, const RunStats& stats) override;

 private:
  absl::Duration period_;
  CpuSampler sampler_;
  absl::Status status_;  // of the sampler's start
  CpuUsage usage_;
};

}  // namespace mpaio

#endif  // MPAIO_TELEMETRY_CPU_USAGE_OBSERVER_H_
