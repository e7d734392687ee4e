// SPDX-License-Identifier: Apache-2.0
#include "mpaio/dispatch/schedule_record.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

constexpr absl::string_view kFirstLine = "mpaio schedule 1";
constexpr absl::string_view kRun = "run";

std::string Counts(const std::vector<Index>& chunks_per_job) {
  return absl::StrJoin(chunks_per_job, ", ");
}

absl::Status Wrong(Index line, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("line ", line, ": ", what, "; give a file that --record has written"));
}

// Returns the numbers in a line; empty if any word is not a number or is negative.
std::vector<Index> Numbers(absl::string_view line) {
  std::vector<Index> numbers;
  for (const absl::string_view word : absl::StrSplit(line, ' ', absl::SkipEmpty())) {
    Index number = 0;
    if (!absl::SimpleAtoi(word, &number) || number < 0) return {};
    numbers.push_back(number);
  }
  return numbers;
}

// Checks that the record has every chunk of every job exactly once.
absl::Status CheckWhole(const ScheduleRecord& record, Index line) {
  std::vector<std::vector<ChunkRange>> by_job(record.chunks_per_job.size());
  for (const ScheduleRecord::Entry& entry : record.entries)
    by_job[static_cast<std::size_t>(entry.job)].push_back(entry.chunks);
  for (std::size_t j = 0; j < by_job.size(); ++j) {
    std::sort(by_job[j].begin(), by_job[j].end(),
              [](const ChunkRange& a, const ChunkRange& b) { return a.begin < b.begin; });
    by_job[j].push_back({record.chunks_per_job[j], record.chunks_per_job[j]});
    ChunkId next = 0;
    for (const ChunkRange& range : by_job[j]) {
      if (range.begin > next)
        return Wrong(line,
                     absl::StrCat("the run that ends here has no chunk ", next, " of job ", j));
      if (range.begin < next)
        return Wrong(line, absl::StrCat("the run that ends here has chunk ", range.begin,
                                        " of job ", j, " twice"));
      next = range.end;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::deque<Assignment>>> ScheduleRecord::PlanFor(
    int ranks_here, bool rank_0_works, const std::vector<Index>& chunks_per_job_here) const {
  if (ranks != ranks_here) {
    return absl::InvalidArgumentError(absl::StrCat("the schedule was recorded with ", ranks,
                                                   " ranks, and there are ", ranks_here,
                                                   ": replay it with mpirun -n ", ranks));
  }
  if (chunks_per_job != chunks_per_job_here) {
    return absl::InvalidArgumentError(
        absl::StrCat("the schedule was recorded for jobs of ", Counts(chunks_per_job),
                     " chunks, and here they have ", Counts(chunks_per_job_here),
                     ": replay it with the same command"));
  }
  std::vector<std::deque<Assignment>> plan(static_cast<std::size_t>(ranks));
  for (const Entry& entry : entries)
    plan[static_cast<std::size_t>(entry.rank)].push_back({entry.job, 0, entry.chunks});
  if (!rank_0_works && !plan.front().empty()) {
    return absl::InvalidArgumentError(
        "rank 0 processed chunks in the recorded schedule, but here it does not, because there are "
        "more ranks than cores; replay it where each rank has a core");
  }
  return plan;
}

std::string ScheduleText(const std::vector<ScheduleRecord>& records) {
  std::string text = absl::StrCat(kFirstLine, "\n");
  for (const ScheduleRecord& record : records) {
    absl::StrAppend(&text, kRun, " ", record.ranks);
    for (const Index chunks : record.chunks_per_job) absl::StrAppend(&text, " ", chunks);
    text += '\n';
    for (const ScheduleRecord::Entry& entry : record.entries) {
      absl::StrAppend(&text, entry.rank, " ", entry.job, " ", entry.chunks.begin, " ",
                      entry.chunks.end, "\n");
    }
  }
  return text;
}

absl::StatusOr<std::vector<ScheduleRecord>> ParseSchedules(absl::string_view text) {
  std::vector<ScheduleRecord> records;
  Index number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (number == 1) {
      if (line != kFirstLine)
        return Wrong(number, absl::StrCat("a schedule begins with '", kFirstLine, "'"));
      continue;
    }
    if (line.empty()) continue;
    if (absl::ConsumePrefix(&line, kRun)) {
      if (!records.empty()) MPAIO_RETURN_IF_ERROR(CheckWhole(records.back(), number));
      std::vector<Index> numbers = Numbers(line);
      if (numbers.empty() || numbers.front() < 1 ||
          numbers.front() > std::numeric_limits<int>::max()) {
        return Wrong(
            number,
            "'run' must be followed by the number of ranks and each job's number of chunks");
      }
      ScheduleRecord& record = records.emplace_back();
      record.ranks = static_cast<int>(numbers.front());
      record.chunks_per_job.assign(numbers.begin() + 1, numbers.end());
      continue;
    }
    const std::vector<Index> numbers = Numbers(line);
    if (records.empty() || numbers.size() != 4)
      return Wrong(number,
                   "expected a rank, a job, and the begin and end of a range of its chunks");
    ScheduleRecord& record = records.back();
    const auto num_jobs = static_cast<Index>(record.chunks_per_job.size());
    if (numbers[0] >= record.ranks)
      return Wrong(number, absl::StrCat("there is no rank ", numbers[0], " of ", record.ranks));
    if (numbers[1] >= num_jobs)
      return Wrong(number, absl::StrCat("there is no job ", numbers[1], " of ", num_jobs));
    const ChunkRange chunks{numbers[2], numbers[3]};
    if (chunks.size() < 1 ||
        chunks.end > record.chunks_per_job[static_cast<std::size_t>(numbers[1])]) {
      return Wrong(number, absl::StrCat("there are no chunks [", chunks.begin, ", ", chunks.end,
                                        ") of job ", numbers[1]));
    }
    record.entries.push_back(
        {static_cast<int>(numbers[0]), static_cast<std::int32_t>(numbers[1]), chunks});
  }
  if (!records.empty()) MPAIO_RETURN_IF_ERROR(CheckWhole(records.back(), number));
  return records;
}

}  // namespace mpaio
