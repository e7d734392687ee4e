// SPDX-License-Identifier: Apache-2.0

// A recorded schedule: which rank processed which chunks, in which order. The user can inspect it
// or replay it.
#ifndef MPAIO_DISPATCH_SCHEDULE_RECORD_H_
#define MPAIO_DISPATCH_SCHEDULE_RECORD_H_

#include <deque>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"
#include "mpaio/dispatch/assignment.h"

namespace mpaio {

// The schedule of one run.
struct ScheduleRecord {
  struct Entry {
    int rank = 0;
    std::int32_t job = 0;
    ChunkRange chunks;

    friend bool operator==(const Entry&, const Entry&) = default;
  };

  int ranks = 0;
  std::vector<Index> chunks_per_job;
  // The entries of one rank are in the order in which it processed them.
  std::vector<Entry> entries;

  // Returns the assignments of each rank, indexed by rank, to replay this record in a run of
  // `ranks_here` ranks. Errors: InvalidArgument if the number of ranks or a job's number of chunks
  // differs, or if rank 0 has entries but `rank_0_works` is false.
  absl::StatusOr<std::vector<std::deque<Assignment>>> PlanFor(
      int ranks_here, bool rank_0_works, const std::vector<Index>& chunks_per_job_here) const;

  friend bool operator==(const ScheduleRecord&, const ScheduleRecord&) = default;
};

// Returns the text of a file of records, one for each run of a command:
//
//   mpaio schedule 1
//   run 2 100 7            2 ranks; jobs of 100 and of 7 chunks
//   0 0 0 12               rank 0 processed chunks [0, 12) of job 0
//   1 0 12 24
//   ...
std::string ScheduleText(const std::vector<ScheduleRecord>& records);

// Parses the text that ScheduleText returns. Errors: InvalidArgument, with the line's number, if
// the format is wrong, or a chunk is missing or occurs twice.
absl::StatusOr<std::vector<ScheduleRecord>> ParseSchedules(absl::string_view text);

}  // namespace mpaio

#endif  // MPAIO_DISPATCH_SCHEDULE_RECORD_H_
