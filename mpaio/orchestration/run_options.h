// SPDX-License-Identifier: Apache-2.0

// What a run may be told, and what it tells.
#ifndef MPAIO_ORCHESTRATION_RUN_OPTIONS_H_
#define MPAIO_ORCHESTRATION_RUN_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
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
  // In which order callbacks are called, for each job: of its chunks, or of their arrival.
  Delivery delivery = Delivery::kInOrder;
  // The run ends with DeadlineExceeded when it takes longer.
  absl::Duration deadline = absl::InfiniteDuration();
  // Encoded results that rank 0 holds because it is not their turn yet, or because the user has not
  // asked for them; when they reach this, no more work is given out until some are delivered. A
  // single larger result is let through.
  Index max_held_bytes = Index{256} << 20;
  // Assignments that a worker rank may hold, so that it need not wait for the next.
  int credits = 4;
  // How chunks are shared out. The others than auto exist to be compared with it.
  ScheduleKind schedule = ScheduleKind::kAuto;
  // Keep, in RunStats, who processed what; rank 0 only.
  bool record_schedule = false;
  // Run this one again: every rank processes what it did then, in that order, and max_held_bytes
  // does not hold it back. Rank 0's is what counts.
  std::optional<ScheduleRecord> replay = std::nullopt;
  // How often a chunk is tried again that has killed or hung up the process it ran in.
  int retries = 3;
  // How long a chunk may take on the clock before the process it runs in is ended. It counts where
  // chunks are isolated (WorkerBase::set_isolated).
  absl::Duration chunk_deadline = absl::InfiniteDuration();
  // Give up at the first chunk that fails for good, rather than go on with all others.
  bool fail_fast = false;
  // What a rank that has long not been heard of has to do is done by idle ranks as well; who is
  // first counts.
  bool speculates = true;
  // On rank 0: where what is committed is kept, as pass `journal_pass`; and what an earlier run has
  // left there, which is not processed again but delivered. They must outlive the run.
  JournalWriter* journal = nullptr;
  const JournalReader* resumed = nullptr;
  std::int32_t journal_pass = 0;
  // If there is one: whether what chunks have read so far was there. Called on every rank after
  // chunks have been processed, and before anything of them is sent: where it says no, these chunks
  // fail with what it says, and the run with them. Takes some nanoseconds.
  std::function<absl::Status()> check_inputs = nullptr;
  // How long a run that is cancelled waits for chunks that are being processed, before it ends the
  // ranks that they are in, where it can.
  absl::Duration cancel_patience = absl::Seconds(10);
  // Sample how busy each core of rank 0's host is, every so often.
  bool monitor_cpu_usage = false;
  absl::Duration cpu_usage_period = absl::Milliseconds(200);
};

// How far a job is. Rows and chunks count when their results have come back to rank 0.
struct JobStats {
  std::string worker;
  Index rows = 0;
  Index chunks = 0;
  Index rows_done = 0;
  Index chunks_done = 0;
  Index chunks_delivered = 0;
  // Given up: neither done nor delivered.
  Index chunks_quarantined = 0;
  // Of those done: by an earlier run.
  Index chunks_resumed = 0;
  // From the start of the run to the job's last delivery; 0 while it is going on.
  double seconds = 0;
};

// What a rank did.
struct RankStats {
  int rank = 0;
  int node = 0;
  std::string host;
  Index chunks = 0;
  Index rows = 0;
  double busy_seconds = 0;
};

// A chunk that was given up: it killed, or hung up, whatever processed it.
struct QuarantinedChunk {
  int job = 0;
  ChunkId chunk = 0;
  RowRange rows;
  int attempts = 0;
  std::string cause;  // the last attempt's, with its rank
};

// On rank 0. The jobs are up to date at any time; the rest is complete when the run has ended.
struct RunStats {
  double seconds = 0;
  std::vector<JobStats> jobs;
  std::vector<RankStats> ranks;
  // The job whose chunk or callback ended the run by failing; -1 where none did.
  int failed_job = -1;
  std::vector<LostRank> lost_ranks;
  std::vector<QuarantinedChunk> quarantined;
  CpuUsage cpu_usage;
  // Where RunOptions::record_schedule was set.
  ScheduleRecord schedule;
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_RUN_OPTIONS_H_
