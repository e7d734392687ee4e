// SPDX-License-Identifier: Apache-2.0

// The options of a run, and its statistics.
#ifndef MPAIO_ORCHESTRATION_RUN_OPTIONS_H_
#define MPAIO_ORCHESTRATION_RUN_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "mpaio/base/index.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/dispatch/schedule.h"
#include "mpaio/dispatch/schedule_record.h"
#include "mpaio/ledger/journal.h"
#include "mpaio/result/reorder_buffer.h"
#include "mpaio/supervision/lost_rank.h"
#include "mpaio/telemetry/cpu_usage.h"

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
  // How chunks are distributed. The schedules other than auto exist for comparison.
  ScheduleKind schedule = ScheduleKind::kAuto;
  // Record in RunStats which rank processed which chunks. Rank 0 only.
  bool record_schedule = false;
  // A recorded schedule to replay: every rank processes the same chunks in the same order, and
  // max_held_bytes does not hold work back. Only rank 0's value is used.
  std::optional<ScheduleRecord> replay = std::nullopt;
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
  // Rank 0 only. `journal` receives the committed results under the number `journal_pass`.
  // `resumed` is the journal of an earlier run: the results that it has of this pass are delivered,
  // and their chunks are not processed again. Both must outlive the run.
  JournalWriter* journal = nullptr;
  const JournalReader* resumed = nullptr;
  std::int32_t journal_pass = 0;
  // How long a cancelled run waits for chunks that are being processed before it terminates the
  // ranks that process them, if the pool can do that.
  absl::Duration cancel_patience = absl::Seconds(10);
  // Sample the CPU usage of each core of rank 0's host, once per period.
  bool monitor_cpu_usage = false;
  absl::Duration cpu_usage_period = absl::Milliseconds(200);
};

// The progress of a job. Rows and chunks are counted when their results have arrived at rank 0.
struct JobStats {
  std::string worker;
  Index rows = 0;
  Index chunks = 0;
  Index rows_done = 0;
  Index chunks_done = 0;
  Index chunks_delivered = 0;
  // Quarantined chunks: neither done nor delivered.
  Index chunks_quarantined = 0;
  // The part of chunks_done that an earlier run processed.
  Index chunks_resumed = 0;
  // Time from the start of the run to the job's last delivery; 0 until then.
  double seconds = 0;
};

// The work of one rank.
struct RankStats {
  int rank = 0;
  int node = 0;
  std::string host;
  Index chunks = 0;
  Index rows = 0;
  double busy_seconds = 0;
};

// A chunk that was given up because it killed or hung every process that ran it.
struct QuarantinedChunk {
  int job = 0;
  ChunkId chunk = 0;
  RowRange rows;
  int attempts = 0;
  std::string cause;  // of the last attempt, with its rank
};

// The statistics of a run, on rank 0. The jobs are current at any time; the rest is complete when
// the run has ended.
struct RunStats {
  double seconds = 0;
  std::vector<JobStats> jobs;
  std::vector<RankStats> ranks;
  // The job whose chunk or callback failed and so ended the run, or else the first job with a
  // quarantined chunk; -1 if there is none.
  int failed_job = -1;
  std::vector<LostRank> lost_ranks;
  std::vector<QuarantinedChunk> quarantined;
  CpuUsage cpu_usage;
  // Recorded if RunOptions::record_schedule is set.
  ScheduleRecord schedule;
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_RUN_OPTIONS_H_
