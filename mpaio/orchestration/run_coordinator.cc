// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/run_coordinator.h"

#include <cstddef>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/base/wire.h"
#include "mpaio/transport/transport.h"

namespace mpaio {
namespace {

// How long rank 0 works before it receives messages again.
constexpr std::chrono::microseconds kOwnSlice(100);
// Messages received before work is assigned again.
constexpr int kMessagesPerRound = 256;
// How often messages are received while results are taken one by one: each time costs about a
// microsecond.
constexpr std::chrono::microseconds kPumpPeriod(20);
// How long callbacks are called before messages are received again.
constexpr std::chrono::milliseconds kDeliverSlice(1);
// How often RunObserver::OnRound is called.
constexpr std::chrono::milliseconds kObserverPeriod(10);
// How often rank 0 checks for lost ranks while it is busy.
constexpr std::chrono::milliseconds kRankCheckPeriod(1);

// Returns the results of `part`, a part of the chunks of `results`.
absl::StatusOr<absl::string_view> EncodedPart(const Results& results, ChunkRange part) {
  if (part == results.chunks) return results.encoded;
  WireReader reader(results.encoded);
  absl::string_view skipped;
  std::size_t begin = 0;
  for (ChunkId chunk = results.chunks.begin; chunk < part.end; ++chunk) {
    if (chunk == part.begin) begin = results.encoded.size() - reader.rest().size();
    if (!reader.ReadBytes(&skipped))
      return absl::DataLossError("results cannot be read: all ranks must run the same program");
  }
  const std::size_t end = results.encoded.size() - reader.rest().size();
  return results.encoded.substr(begin, end - begin);
}

}  // namespace

RunCoordinator::RunCoordinator(Executor& executor, std::vector<WorkerBase*> workers,
                               const RunOptions& options, Schedule schedule)
    : run_(executor, std::move(workers), options, std::move(schedule)),
      recovery_(run_),
      delivery_(run_),
      assigner_(run_, recovery_, delivery_.frontier()),
      stragglers_(run_) {
  if (executor.can_isolate()) run_.own_work.Isolate(options, [this] { return PumpWhileWaiting(); });
  // A deadline beyond the range of the clock is the same as none.
  if (options.deadline < absl::Hours(24 * 365))
    deadline_ = run_.start + absl::ToChronoNanoseconds(options.deadline);
  // Ranks that were lost before this run.
  for (int rank = 1; rank < executor.size(); ++rank) {
    if (executor.is_lost(rank)) recovery_.MarkLost(rank);
  }
  absl::Status started = options.resumed != nullptr ? Resume() : absl::OkStatus();
  started.Update(run_.observers.OnPhase(RunPhase::kStarted, run_.stats));
  if (!started.ok()) Finish(std::move(started));
}

absl::Status RunCoordinator::Resume() {
  const std::vector<ResumedResults::Range>& ranges = run_.options.resumed->ranges();
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const auto& [job, chunks] = ranges[i];
    if (job < 0 || job >= run_.num_jobs() || chunks.begin < 0 ||
        chunks.end > run_.ledger.num_chunks(job)) {
      return absl::DataLossError(absl::StrCat("the results to resume are of chunks ", chunks.begin,
                                              " to ", chunks.end - 1, " of job ", job,
                                              ", which do not exist: they belong to another run"));
    }
    run_.ledger.Commit(job, chunks);
    run_.dispatcher.Remove(job, chunks);
    JobStats& stats = run_.job_stats(job);
    stats.rows_done += run_.worker(job).data_iterator().chunks(chunks.begin, chunks.size()).size();
    stats.chunks_done += chunks.size();
    stats.chunks_resumed += chunks.size();
    MPAIO_RETURN_IF_ERROR(delivery_.KeepResumed(i));
  }
  return absl::OkStatus();
}

bool RunCoordinator::Round(bool deliver) {
  if (is_done()) return false;
  bool did_something = ReceiveMessages();
  PollLostRanks();
  if (phase_ == RunPhase::kFinishing) stragglers_.EndStragglers();
  if (is_running()) CallObservers();
  if (is_running()) CheckLimits();
  if (is_running()) did_something |= AssignWork();
  if (is_running()) recovery_.EnableOrchestratorWork();
  if (is_running() && deliver) did_something |= DeliverBatches();
  if (is_running()) did_something |= WorkOneSlice();
  if (is_running() && run_.AllAreDelivered()) Finish(HowItEnded());
  return did_something;
}

void RunCoordinator::PumpMessages() {
  if (!is_running() || Clock::now() - run_.now < kPumpPeriod) return;
  ReceiveMessages();
  PollLostRanks();
  if (is_running()) AssignWork();
  if (is_running()) recovery_.EnableOrchestratorWork();
}

bool RunCoordinator::PumpWhileWaiting() {
  ReceiveMessages();
  PollLostRanks();
  if (is_running()) CallObservers();
  if (is_running()) CheckLimits();
  if (is_running()) AssignWork();
  // The other ranks may have completed all of rank 0's chunks while it is stuck.
  return !is_running() || run_.AllAreClosed();
}

void RunCoordinator::CallObservers() {
  if (run_.observers.empty() || run_.now - last_observed_ < kObserverPeriod) return;
  last_observed_ = run_.now;
  absl::Status status = run_.observers.OnRound(run_.stats);
  if (!status.ok()) Finish(std::move(status));
}

void RunCoordinator::CheckLimits() {
  const std::atomic<bool>* const given = run_.options.cancelled;
  if (cancelled_.load(std::memory_order_relaxed) ||
      (given != nullptr && given->load(std::memory_order_relaxed))) {
    is_cancelled_ = true;
    return Finish(absl::CancelledError("the run was cancelled"));
  }
  if (deadline_ != Clock::time_point::max() && Clock::now() >= deadline_) {
    Index done = 0, all = 0;
    for (const JobStats& job : run_.stats.jobs) {
      done += job.chunks_done;
      all += job.chunks;
    }
    Finish(absl::DeadlineExceededError(absl::StrCat("the run took longer than ",
                                                    absl::FormatDuration(run_.options.deadline),
                                                    ": ", done, " of ", all, " chunks were done")));
  }
}

bool RunCoordinator::AssignWork() {
  const absl::StatusOr<bool> gave_any = assigner_.AssignWork();
  if (!gave_any.ok()) Break(gave_any.status());
  return !gave_any.ok() || *gave_any;
}

bool RunCoordinator::WorkOneSlice() {
  if (!run_.rank_0_works) return false;
  if (run_.own_work.is_idle() && !assigner_.AssignOwnWork()) return false;
  own_messages_.clear();
  run_.own_work_is_in_step = true;
  run_.own_work.Step(kOwnSlice, &own_messages_);
  run_.own_work_is_in_step = false;
  if (!is_running()) run_.own_work.Clear();
  for (std::string& message : own_messages_) Handle(0, std::move(message));
  return true;
}

std::optional<DeliveredResult> RunCoordinator::DeliverOne() {
  if (is_running()) CheckLimits();
  if (!is_running()) return std::nullopt;
  std::optional<DeliveredResult> delivered = delivery_.DeliverOne();
  if (!delivered) CheckDelivery();
  return delivered;
}

bool RunCoordinator::DeliverBatches() {
  delivery_.StartClock();
  const Clock::time_point end = delivery_.clock() + kDeliverSlice;
  bool delivered = false;
  for (int batches = 0; batches < run_.num_jobs() && is_running();) {
    if (!delivery_.DeliverSome(cancelled_)) {
      CheckDelivery();
      break;
    }
    delivered = true;
    if (delivery_.clock() >= end) break;
    CheckLimits();
    if (delivery_.has_ended_batch()) ++batches;
  }
  return delivered;
}

void RunCoordinator::CheckDelivery() {
  const std::optional<ResultDelivery::Failure>& failure = delivery_.failure();
  if (!failure) return;
  if (failure->job < 0) return Finish(failure->status);
  Fail(failure->job, failure->chunk, 0, failure->status);
}

bool RunCoordinator::ReceiveMessages() {
  run_.now = Clock::now();
  int taken = 0;
  for (; taken < kMessagesPerRound && !is_done(); ++taken) {
    absl::StatusOr<std::optional<Message>> message = run_.executor.transport().Receive();
    if (!message.ok()) {
      Break(message.status());
      break;
    }
    if (!message->has_value()) break;
    Handle((*message)->from, std::move((*message)->bytes));
  }
  return taken > 0;
}

void RunCoordinator::Handle(int from, std::string bytes) {
  // Late messages of a dead rank may belong to an earlier run.
  if (run_.ranks[from].is_lost) return;
  absl::StatusOr<AnyMessage> message = DecodeMessage(bytes);
  if (!message.ok())
    return Break(absl::Status(message.status().code(),
                              absl::StrCat("from rank ", from, ": ", message.status().message())));
  if (const auto* summary = std::get_if<SummaryMessage>(&*message))
    return HandleSummary(from, *summary);
  if (!is_running()) return;  // sent before Finish arrived
  if (const auto* crash = std::get_if<ChunkCrash>(&*message)) return HandleCrash(from, *crash);
  if (const auto* failure = std::get_if<Failure>(&*message))
    return Fail(failure->job, failure->chunk, from, failure->status);
  if (const auto* idle = std::get_if<IdleMessage>(&*message))
    return run_.ranks.OnReceived(from, idle->assignments_done, run_.now);
  if (const auto* results = std::get_if<Results>(&*message)) {
    run_.ranks.OnReceived(from, results->assignments_done, run_.now);
    const Results head = *results;  // a copy: `bytes` is about to move
    absl::Status status = HandleResults(from, head, std::move(bytes));
    if (!status.ok()) Finish(std::move(status));
  }
}

absl::Status RunCoordinator::HandleResults(int from, const Results& results, std::string message) {
  const int job = results.job;
  const ChunkRange chunks = results.chunks;
  if (job < 0 || job >= run_.num_jobs()) {
    return absl::InternalError(
        absl::StrCat("rank ", from, " sent results of job ", job,
                     ", which does not exist: all ranks must run the same program"));
  }
  if (chunks.begin < 0 || chunks.size() < 0 || chunks.end > run_.ledger.num_chunks(job)) {
    return absl::InternalError(absl::StrCat(
        "rank ", from, " sent results of chunks [", chunks.begin, ", ", chunks.end, ") of job ",
        job, ", which do not exist: all ranks must run the same program"));
  }
  JobStats& stats = run_.job_stats(job);
  const auto all_bytes = static_cast<double>(results.encoded.size());
  for (const ChunkRange& part : run_.ledger.Commit(job, chunks)) {
    MPAIO_ASSIGN_OR_RETURN(const absl::string_view encoded, EncodedPart(results, part));
    const double share = static_cast<double>(part.size()) / static_cast<double>(chunks.size());
    const double busy_seconds = results.busy_seconds * share;
    MPAIO_RETURN_IF_ERROR(run_.observers.OnCommitted({from, job, part, encoded, busy_seconds}));
    run_.dispatcher.Drop(job, part);
    stats.rows_done += run_.worker(job).data_iterator().chunks(part.begin, part.size()).size();
    stats.chunks_done += part.size();
    run_.dispatcher.OnResults(job, part.size(), busy_seconds, static_cast<Index>(all_bytes * share),
                              run_.ProcessorOf(from));
    MPAIO_RETURN_IF_ERROR(delivery_.Keep(
        results, part, encoded, part == chunks ? std::move(message) : std::string(message)));
  }
  return absl::OkStatus();
}

void RunCoordinator::HandleSummary(int from, const SummaryMessage& summary) {
  if (is_running()) {
    return Break(absl::InternalError(absl::StrCat(
        "rank ", from, " left the run before its end: all ranks must run the same program")));
  }
  RankStats& stats = run_.stats.ranks[static_cast<std::size_t>(from)];
  stats = summary.stats;
  stats.rank = from;
  run_.ranks.MarkFinished(from);
  EndIfAllHaveStopped();
}

void RunCoordinator::HandleCrash(int from, const ChunkCrash& crash) {
  if (crash.job < 0 || crash.job >= run_.num_jobs() || crash.chunk < 0 ||
      crash.chunk >= run_.ledger.num_chunks(crash.job)) {
    return Finish(absl::InternalError(
        absl::StrCat("rank ", from, " reported a crash of chunk ", crash.chunk, " of job ",
                     crash.job, ", which does not exist: all ranks must run the same program")));
  }
  const std::optional<int> attempts = recovery_.OnCrash(from, crash.job, crash.chunk);
  if (!attempts) return;
  absl::Status status =
      Quarantine({crash.job, crash.chunk, run_.worker(crash.job).data_iterator().chunk(crash.chunk),
                  *attempts, absl::StrCat("on rank ", from, ": its process ", crash.cause)});
  if (!status.ok()) FinishBecauseOfChunk(std::move(status));
}

absl::Status RunCoordinator::Quarantine(const QuarantinedChunk& chunk) {
  run_.stats.quarantined.push_back(chunk);
  run_.observers.OnQuarantined(chunk);
  if (run_.stats.failed_job < 0) run_.stats.failed_job = chunk.job;
  ++run_.job_stats(chunk.job).chunks_quarantined;
  // Later results of the chunk do not count.
  run_.ledger.Quarantine(chunk.job, chunk.chunk);
  run_.dispatcher.Remove(chunk.job, {chunk.chunk, chunk.chunk + 1});
  if (run_.options.fail_fast) {
    return absl::AbortedError(absl::StrCat(run_.WhereIs(chunk.job, chunk.chunk), " failed in ",
                                           chunk.attempts, " attempts, the last ", chunk.cause));
  }
  return delivery_.Skip(chunk.job, chunk.chunk);
}

void RunCoordinator::PollLostRanks() {
  if (run_.now - last_rank_check_ < kRankCheckPeriod) return;
  last_rank_check_ = run_.now;
  for (const LostRank& lost : run_.executor.PollLostRanks()) OnLost(lost);
}

void RunCoordinator::OnLost(const LostRank& lost) {
  // The messages that the rank sent before its death still count.
  while (ReceiveMessages()) {
  }
  const RankTable::Rank before = run_.ranks[lost.rank];
  const bool was_ended = before.is_ended && !lost.host_is_silent;
  run_.stats.lost_ranks.push_back(
      {lost.rank, was_ended ? "did not answer, and was ended" : lost.cause, lost.host_is_silent});
  run_.observers.OnLost(run_.stats.lost_ranks.back());
  if (before.is_lost || is_done()) return;
  recovery_.MarkLost(lost.rank);
  if (before.has_finished) return;
  if (phase_ == RunPhase::kFinishing) return EndIfAllHaveStopped();
  recovery_.ReturnChunksOf(lost.rank);
}

void RunCoordinator::Fail(int job, ChunkId chunk, int rank, const absl::Status& cause) {
  if (job >= 0 && job < run_.num_jobs() && is_running()) run_.stats.failed_job = job;
  FinishBecauseOfChunk(absl::Status(cause.code(), absl::StrCat(run_.WhereIs(job, chunk), ", rank ",
                                                               rank, ": ", cause.message())));
}

void RunCoordinator::FinishBecauseOfChunk(absl::Status status) {
  if (!is_running()) return;
  absl::Status changed = run_.own_work.CheckInputsUnchanged();
  // The status of a chunk that could not be read names the chunk, too.
  if (!changed.ok() && !absl::StrContains(status.message(), changed.message()))
    status = std::move(changed);
  Finish(std::move(status));
}

void RunCoordinator::Finish(absl::Status status) {
  if (!is_running()) return;
  phase_ = RunPhase::kFinishing;
  status_ = std::move(status);
  status_.Update(run_.observers.OnPhase(RunPhase::kFinishing, run_.stats));
  // A step in progress still uses the queue; WorkOneSlice clears it afterwards.
  if (!run_.own_work_is_in_step) run_.own_work.Clear();
  const std::string message = EncodeMessage(mpaio::Finish{status_});
  // A rank that cannot be reached must not keep the others from receiving the message.
  absl::Status sent;
  for (int rank = 1; rank < run_.ranks.size(); ++rank) {
    if (!run_.ranks[rank].is_lost) sent.Update(run_.executor.transport().Send(rank, message));
  }
  stragglers_.Start(is_cancelled_);
  if (!sent.ok()) return Break(sent);
  EndIfAllHaveStopped();
}

void RunCoordinator::Break(const absl::Status& status) {
  if (is_done()) return;
  if (status_.ok()) status_ = status;
  is_broken_ = true;
  if (is_running()) {
    phase_ = RunPhase::kFinishing;
    run_.observers.OnPhase(RunPhase::kFinishing, run_.stats).IgnoreError();
    // Send Finish to the ranks that can still be reached, so that they do not wait forever.
    const std::string message = EncodeMessage(mpaio::Finish{status_});
    for (int rank = 1; rank < run_.ranks.size(); ++rank)
      run_.executor.transport().Send(rank, message).IgnoreError();
  }
  End();
}

void RunCoordinator::EndIfAllHaveStopped() {
  if (phase_ == RunPhase::kFinishing && run_.ranks.num_active() == 0) End();
}

void RunCoordinator::End() {
  phase_ = RunPhase::kEnded;
  run_.own_work.set_input_guards({});
  RankStats& own = run_.stats.ranks.front();
  own.host = run_.executor.host();
  own.node = run_.executor.node();
  own.chunks = run_.own_work.chunks();
  own.rows = run_.own_work.rows();
  own.busy_seconds = run_.own_work.busy_seconds();
  run_.stats.seconds = run_.SecondsSinceStart();
  status_.Update(run_.observers.OnPhase(RunPhase::kEnded, run_.stats));
}

absl::Status RunCoordinator::HowItEnded() const {
  // A changed input takes precedence: quarantined chunks may be its consequence.
  MPAIO_RETURN_IF_ERROR(run_.own_work.CheckInputsUnchanged());
  const std::vector<QuarantinedChunk>& quarantined = run_.stats.quarantined;
  if (quarantined.empty()) return absl::OkStatus();
  const QuarantinedChunk& first = quarantined.front();
  const std::size_t others = quarantined.size() - 1;
  return absl::AbortedError(absl::StrCat(
      run_.WhereIs(first.job, first.chunk), " was given up after ", first.attempts,
      " attempts, the last ", first.cause,
      others == 0
          ? ""
          : absl::StrCat(" (and ", others, others == 1 ? " more chunk" : " more chunks", ")"),
      "; all other chunks were processed"));
}

}  // namespace mpaio
