// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/chunk_runner.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/base/wire.h"
#include "mpaio/orchestration/messages.h"

namespace mpaio {

std::vector<Index> ChunksPerJob(const std::vector<WorkerBase*>& workers) {
  std::vector<Index> chunks;
  for (const WorkerBase* worker : workers) chunks.push_back(worker->data_iterator().num_chunks());
  return chunks;
}

StealBoard BoardOf(Executor& executor, const std::vector<WorkerBase*>& workers) {
  static_assert(StealBoard::kBytesPerRank == Executor::kControlBytes);
  return StealBoard(executor.control(), executor.node_rank(), executor.node_size(),
                    ChunksPerJob(workers));
}

bool ChunkRunner::Exists(const Assignment& assignment) const {
  return assignment.job >= 0 && assignment.job < static_cast<int>(workers_.size()) &&
         assignment.chunks.begin >= 0 &&
         assignment.chunks.end <=
             workers_[static_cast<std::size_t>(assignment.job)]->data_iterator().num_chunks();
}

void ChunkRunner::Enqueue(const Assignment& assignment, bool is_shared) {
  queue_.push_back(
      {assignment, is_shared && Exists(assignment) ? board_.Post(assignment) : std::nullopt});
  // The rank that is woken steals half of the chunks, shares them, and so wakes the next one.
  if (wake_ && queue_.back().slot && assignment.chunks.size() > 1) wake_();
}

void ChunkRunner::Clear() {
  while (!queue_.empty()) PopFront();
  batch_.clear();
  if (holds_) Hold(0, {});
}

void ChunkRunner::Hold(std::int32_t job, ChunkRange chunks) {
  if (!board_.is_usable()) return;
  board_.Hold(job, chunks);
  holds_ = chunks.size() > 0;
}

bool ChunkRunner::Steal() {
  if (has_failed_) return false;
  const Clock::time_point now = Clock::now();
  // Chunks that are as short as expected would be done by now.
  const bool is_overdue = skipped_since_ && now - *skipped_since_ >= kSmallStealDelay;
  bool skips = false;
  const auto worth = [&](const Assignment& offered) {
    const Done& done = done_[static_cast<std::size_t>(offered.job)];
    // Chunks of unknown cost may be long.
    if (done.chunks == 0 || is_overdue) return std::numeric_limits<double>::infinity();
    const double seconds = std::chrono::duration<double>(done.busy).count() /
                           static_cast<double>(done.chunks) *
                           static_cast<double>(offered.chunks.size());
    if (seconds >= std::chrono::duration<double>(kLeastWorth).count()) return seconds;
    skips = true;
    return 0.0;
  };
  const std::optional<Assignment> stolen = board_.Steal(worth);
  if (stolen || !skips) {
    skipped_since_.reset();
  } else if (!skipped_since_) {
    skipped_since_ = now;
  }
  if (!stolen) return false;
  Enqueue(*stolen, /*is_shared=*/true);
  queue_.back().is_stolen = true;
  return true;
}

ChunkRange ChunkRunner::Take(Task& task, Index most) {
  if (task.slot) return board_.Claim(*task.slot, task.assignment.job, most);
  ChunkRange& left = task.assignment.chunks;
  const ChunkRange taken{left.begin, left.begin + std::min(most, left.size())};
  left.begin = taken.end;
  return taken;
}

bool ChunkRunner::IsOver(const Task& task) const {
  return task.slot ? board_.IsEmpty(*task.slot) : task.assignment.chunks.size() == 0;
}

void ChunkRunner::PopFront() {
  if (!queue_.front().is_stolen) ++assignments_done_;
  if (queue_.front().slot) board_.Release(*queue_.front().slot);
  queue_.pop_front();
}

void ChunkRunner::SendBatch(std::vector<std::string>* messages) {
  Results head;
  head.job = queue_.front().assignment.job;
  head.chunks = batch_chunks_;
  head.busy_seconds = std::chrono::duration<double>(batch_busy_).count();
  head.assignments_done = assignments_reported_ =
      assignments_done_ + (IsOver(queue_.front()) && !queue_.front().is_stolen ? 1 : 0);
  EndResults(head, &batch_);
  messages->push_back(std::exchange(batch_, std::string()));
}

std::optional<std::string> ChunkRunner::ReportIdle() {
  if (assignments_reported_ == assignments_done_) return std::nullopt;
  assignments_reported_ = assignments_done_;
  return EncodeMessage(IdleMessage{assignments_reported_});
}

void ChunkRunner::Fail(ChunkId chunk, const absl::Status& status,
                       std::vector<std::string>* messages) {
  has_failed_ = true;
  messages->push_back(EncodeMessage(Failure{queue_.front().assignment.job, chunk, status}));
  Clear();
}

void ChunkRunner::Isolate(const RunOptions& options, std::function<bool()> is_over) {
  SandboxOptions sandbox;
  if (options.chunk_deadline < absl::Hours(24 * 365))
    sandbox.chunk_deadline = absl::ToChronoNanoseconds(options.chunk_deadline);
  sandbox.is_over = std::move(is_over);
  sandbox_ = std::make_unique<Sandbox>(workers_, sandbox);
}

bool ChunkRunner::IsIsolated(const Assignment& assignment) const {
  return sandbox_ != nullptr && (assignment.attempt > 0 ||
                                 workers_[static_cast<std::size_t>(assignment.job)]->is_isolated());
}

absl::Status ChunkRunner::CheckInputsUnchanged() const {
  for (const auto& guard : input_guards_) MPAIO_RETURN_IF_ERROR(guard->CheckUnchanged());
  return absl::OkStatus();
}

void ChunkRunner::StartBatch(ChunkId first, Clock::time_point now) {
  batch_ = StartResults();
  batch_chunks_ = {first, first};
  batch_busy_ = Clock::duration(0);
  batch_start_ = now;
}

std::optional<SandboxDone> ChunkRunner::Attempt(std::int32_t job, ChunkRange chunks,
                                                bool is_isolated) {
  if (!is_isolated) {
    ChunksDone plain = workers_[static_cast<std::size_t>(job)]->ProcessChunks(
        chunks.begin, chunks.size(), &batch_);
    SandboxDone some;
    some.done = plain.done;
    some.status = std::move(plain.status);
    return some;
  }
  absl::StatusOr<SandboxDone> isolated =
      sandbox_->ProcessChunks(job, chunks.begin, chunks.size(), &batch_);
  if (isolated.ok()) return *std::move(isolated);
  if (isolated.status().code() == absl::StatusCode::kCancelled) return std::nullopt;
  SandboxDone some;
  if (isolated.status().code() == absl::StatusCode::kUnavailable) {
    // New processes end before they begin a chunk. The reason may be specific to this rank, so
    // another rank retries.
    some.crash = ChunkCrash{job, chunks.begin, std::string(isolated.status().message())};
  } else {
    some.status = isolated.status();
  }
  return some;
}

bool ChunkRunner::Process(ChunkRange chunks, Clock::time_point* now,
                          std::vector<std::string>* messages) {
  const std::int32_t job = queue_.front().assignment.job;
  const WorkerBase& worker = *workers_[static_cast<std::size_t>(job)];
  const bool is_isolated = IsIsolated(queue_.front().assignment);
  Done& done = done_[static_cast<std::size_t>(job)];
  while (chunks.size() > 0) {
    if (batch_.empty()) StartBatch(chunks.begin, *now);
    Hold(job, {batch_chunks_.begin, chunks.end});
    std::optional<SandboxDone> attempt = Attempt(job, chunks, is_isolated);
    if (!attempt) {
      Clear();
      return false;
    }
    SandboxDone& some = *attempt;
    // Takes precedence, because Process may have failed on the zeros of an unreadable page.
    if (absl::Status unread = ReadFailure(); !unread.ok()) {
      some.status = std::move(unread);
      // It is not known which of the chunks read bad input.
      some.done = 0;
    }
    const Clock::time_point after = Clock::now();
    busy_ += after - *now;
    batch_busy_ += after - *now;
    done.busy += after - *now;
    (is_isolated ? done.isolated_batch_sizer : done.batch_sizer).Record(some.done, after - *now);
    *now = after;
    if (some.done > 0) {
      chunks_ += some.done;
      done.chunks += some.done;
      rows_ += worker.data_iterator().chunks(chunks.begin, some.done).size();
      chunks.begin += some.done;
      batch_chunks_.end = chunks.begin;
    }
    if (!some.status.ok()) {
      Fail(chunks.begin, some.status, messages);
      return false;
    }
    if (!some.crash) continue;
    if (batch_chunks_.size() > 0) SendBatch(messages);
    batch_.clear();
    messages->push_back(EncodeMessage(ChunkCrash{job, some.crash->chunk, some.crash->cause}));
    ++chunks.begin;
    // The crashed chunk no longer belongs to this rank.
    Hold(job, chunks);
  }
  return true;
}

void ChunkRunner::Step(std::chrono::nanoseconds slice, std::vector<std::string>* messages) {
  const Clock::time_point start = Clock::now();
  Clock::time_point now = start;
  do {
    Task& task = queue_.front();
    const std::int32_t job = task.assignment.job;
    if (!Exists(task.assignment)) {
      return Fail(
          task.assignment.chunks.begin,
          absl::InternalError("this rank does not have the same jobs as rank 0: all ranks must "
                              "run the same program on the same input"),
          messages);
    }
    const Done& done = done_[static_cast<std::size_t>(job)];
    const ChunkRange taken = Take(
        task, (IsIsolated(task.assignment) ? done.isolated_batch_sizer : done.batch_sizer).next());
    if (taken.size() > 0 && !Process(taken, &now, messages)) return;
    const bool is_over = IsOver(task);
    if (!batch_.empty() && (is_over || static_cast<Index>(batch_.size()) >= kBatchBytes ||
                            now - batch_start_ >= kBatchAge)) {
      SendBatch(messages);
    }
    if (is_over) PopFront();
  } while (!queue_.empty() && now - start < slice);
}

}  // namespace mpaio
