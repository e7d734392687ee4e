// SPDX-License-Identifier: Apache-2.0
#include "mpaio/orchestration/run_coordinator.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
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
// The most assignments of unknown cost that a worker may hold.
constexpr Index kMostUnknown = 2;
// A worker with this much work ahead need not be given more yet.
constexpr double kEnoughAheadSeconds = 0.001;
// How often RunObserver::OnRound is called.
constexpr std::chrono::milliseconds kObserverPeriod(10);
// If rank 0 only coordinates and a rank holds more work than this, the next assignment is sent when
// that work is done. Rank 0 receives messages within a millisecond, so the rank idles for less than
// 1 % of the time.
constexpr double kLongChunkSeconds = 0.100;

DispatchOptions DispatchOptionsOf(const Executor& executor, const RunOptions& options,
                                  Schedule schedule) {
  DispatchOptions dispatch;
  dispatch.schedule = schedule.kind;
  dispatch.plan = std::move(schedule.plan);
  if (!dispatch.plan.empty() && !executor.orchestrator_works())
    dispatch.plan.erase(dispatch.plan.begin());
  dispatch.processors = std::max(1, executor.size() - (executor.orchestrator_works() ? 0 : 1));
  dispatch.credits = std::max(1, options.credits);
  dispatch.result_budget_bytes = options.max_held_bytes;
  return dispatch;
}

}  // namespace

RunCoordinator::RunCoordinator(Executor& executor, std::vector<WorkerBase*> workers,
                               const RunOptions& options, Schedule schedule)
    : executor_(executor),
      options_(options),
      observers_(options.observers),
      is_shared_(schedule.allows_stealing()),
      dispatcher_(ChunksPerJob(workers), DispatchOptionsOf(executor, options, std::move(schedule))),
      own_work_(workers, BoardOf(executor, workers)),
      frontier_(workers.size(), 0),
      ledger_(ChunksPerJob(workers), executor.size()),
      ranks_(static_cast<std::size_t>(executor.size())),
      rank_0_works_(executor.orchestrator_works()),
      all_share_(is_shared_ && executor.num_nodes() == 1 && executor.orchestrator_works() &&
                 executor.control() != nullptr),
      delivery_batch_sizers_(workers.size()),
      start_(Clock::now()),
      deadline_(Clock::time_point::max()) {
  own_work_.set_input_guards(executor.input_guards());
  own_work_.set_wake([&executor] { executor.transport().WakeOne(); });
  if (executor.can_isolate()) own_work_.Isolate(options, [this] { return PumpWhileWaiting(); });
  // A deadline beyond the range of the clock is the same as none.
  if (options.deadline < absl::Hours(24 * 365))
    deadline_ = start_ + absl::ToChronoNanoseconds(options.deadline);
  for (WorkerBase* worker : workers) {
    jobs_.emplace_back(worker, options.delivery);
    const DataIterator& data = worker->data_iterator();
    JobStats job;
    job.worker = worker->name();
    job.rows = data.num_rows();
    job.row_bytes = data.row_bytes();
    job.chunks = data.num_chunks();
    stats_.jobs.push_back(std::move(job));
  }
  stats_.allows_stealing = is_shared_;
  for (int rank = 0; rank < executor.size(); ++rank) {
    RankStats stats;
    stats.rank = rank;
    stats.node = executor.node_of(rank);
    stats_.ranks.push_back(std::move(stats));
    // The rank was lost before this run.
    if (rank > 0 && executor.is_lost(rank)) MarkRankLost(rank);
  }
  absl::Status started = options.resumed != nullptr ? Resume() : absl::OkStatus();
  started.Update(observers_.OnPhase(RunPhase::kStarted, stats_));
  if (!started.ok()) Finish(std::move(started));
}

absl::Status RunCoordinator::Resume() {
  const std::vector<ResumedResults::Range>& ranges = options_.resumed->ranges();
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const auto& [job, chunks] = ranges[i];
    if (job < 0 || job >= static_cast<int>(jobs_.size()) || chunks.begin < 0 ||
        chunks.end > ledger_.num_chunks(job)) {
      return absl::DataLossError(absl::StrCat("the results to resume are of chunks ", chunks.begin,
                                              " to ", chunks.end - 1, " of job ", job,
                                              ", which do not exist: they belong to another run"));
    }
    const auto j = static_cast<std::size_t>(job);
    ledger_.Commit(job, chunks);
    dispatcher_.Remove(job, chunks);
    stats_.jobs[j].rows_done +=
        jobs_[j].worker->data_iterator().chunks(chunks.begin, chunks.size()).size();
    stats_.jobs[j].chunks_done += chunks.size();
    stats_.jobs[j].chunks_resumed += chunks.size();
    MPAIO_RETURN_IF_ERROR(
        jobs_[j].held.Insert(chunks.begin, chunks.size(), HeldResults{{}, 0, i}, 0));
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::string_view> RunCoordinator::PartOf(const Results& results, ChunkRange part) {
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

void RunCoordinator::CallObservers() {
  if (observers_.empty() || now_ - last_observed_ < kObserverPeriod) return;
  last_observed_ = now_;
  absl::Status status = observers_.OnRound(stats_);
  if (!status.ok()) Finish(std::move(status));
}

bool RunCoordinator::Round(bool deliver) {
  if (phase_ == Phase::kDone) return false;
  bool did_something = ReceiveMessages();
  UpdateRankStates();
  if (phase_ == Phase::kFinishing) EndStragglers();
  if (phase_ == Phase::kRunning) CallObservers();
  if (phase_ == Phase::kRunning) CheckLimits();
  if (phase_ == Phase::kRunning) did_something |= AssignWork();
  if (phase_ == Phase::kRunning) EnableOrchestratorWork();
  if (phase_ == Phase::kRunning && deliver) did_something |= DeliverBatches();
  if (phase_ == Phase::kRunning) did_something |= WorkOneSlice();
  if (phase_ == Phase::kRunning && AllAreDone()) Finish(HowItEnded());
  return did_something;
}

bool RunCoordinator::AllAreDone() const {
  return std::all_of(stats_.jobs.begin(), stats_.jobs.end(), [](const JobStats& job) {
    return job.chunks_delivered + job.chunks_quarantined == job.chunks;
  });
}

void RunCoordinator::PumpMessages() {
  if (phase_ != Phase::kRunning || Clock::now() - now_ < kPumpPeriod) return;
  ReceiveMessages();
  UpdateRankStates();
  if (phase_ == Phase::kRunning) AssignWork();
  if (phase_ == Phase::kRunning) EnableOrchestratorWork();
}

void RunCoordinator::CheckLimits() {
  if (cancelled_.load(std::memory_order_relaxed)) {
    is_cancelled_ = true;
    return Finish(absl::CancelledError("the run was cancelled"));
  }
  if (deadline_ != Clock::time_point::max() && Clock::now() >= deadline_) {
    Index done = 0, all = 0;
    for (const JobStats& job : stats_.jobs) {
      done += job.chunks_done;
      all += job.chunks;
    }
    Finish(absl::DeadlineExceededError(absl::StrCat("the run took longer than ",
                                                    absl::FormatDuration(options_.deadline), ": ",
                                                    done, " of ", all, " chunks were done")));
  }
}

bool RunCoordinator::ReceiveMessages() {
  now_ = Clock::now();
  int taken = 0;
  for (; taken < kMessagesPerRound && phase_ != Phase::kDone; ++taken) {
    absl::StatusOr<std::optional<Message>> message = executor_.transport().Receive();
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
  if (ranks_[static_cast<std::size_t>(from)].is_lost) return;
  absl::StatusOr<AnyMessage> message = DecodeMessage(bytes);
  if (!message.ok())
    return Break(absl::Status(message.status().code(),
                              absl::StrCat("from rank ", from, ": ", message.status().message())));
  if (const auto* summary = std::get_if<SummaryMessage>(&*message))
    return HandleSummary(from, *summary);
  if (phase_ != Phase::kRunning) return;  // sent before Finish arrived
  if (const auto* crash = std::get_if<ChunkCrash>(&*message)) return HandleCrash(from, *crash);
  if (const auto* failure = std::get_if<Failure>(&*message))
    return Fail(failure->job, failure->chunk, from, failure->status);
  const auto note_progress = [&](Index assignments_done) {
    RankState& rank_state = ranks_[static_cast<std::size_t>(from)];
    rank_state.assignments_done = assignments_done;
    rank_state.last_received = now_;
  };
  if (const auto* idle = std::get_if<IdleMessage>(&*message))
    return note_progress(idle->tasks_done);
  if (const auto* results = std::get_if<Results>(&*message)) {
    note_progress(results->tasks_done);
    const Results head = *results;  // a copy: `bytes` is about to move
    absl::Status status = HandleResults(from, head, std::move(bytes));
    if (!status.ok()) Finish(std::move(status));
  }
}

absl::Status RunCoordinator::HandleResults(int from, const Results& results, std::string message) {
  if (results.job < 0 || results.job >= static_cast<int>(jobs_.size())) {
    return absl::InternalError(
        absl::StrCat("rank ", from, " sent results of job ", results.job,
                     ", which does not exist: all ranks must run the same program"));
  }
  const auto j = static_cast<std::size_t>(results.job);
  JobState& job = jobs_[j];
  if (results.chunks.begin < 0 || results.chunks.size() < 0 ||
      results.chunks.end > ledger_.num_chunks(results.job)) {
    return absl::InternalError(absl::StrCat(
        "rank ", from, " sent results of chunks [", results.chunks.begin, ", ", results.chunks.end,
        ") of job ", results.job, ", which do not exist: all ranks must run the same program"));
  }
  for (const ChunkRange& part : ledger_.Commit(results.job, results.chunks)) {
    MPAIO_ASSIGN_OR_RETURN(const absl::string_view encoded, PartOf(results, part));
    const double share =
        static_cast<double>(part.size()) / static_cast<double>(results.chunks.size());
    const double busy_seconds = results.busy_seconds * share;
    if (!observers_.empty()) {
      MPAIO_RETURN_IF_ERROR(
          observers_.OnCommitted({from, results.job, part, encoded, busy_seconds}));
    }
    dispatcher_.Drop(results.job, part);
    const RowRange rows = job.worker->data_iterator().chunks(part.begin, part.size());
    stats_.jobs[j].rows_done += rows.size();
    stats_.jobs[j].chunks_done += part.size();
    dispatcher_.OnResults(results.job, part.size(), busy_seconds,
                          static_cast<Index>(static_cast<double>(results.encoded.size()) * share),
                          ProcessorOf(from));
    MPAIO_RETURN_IF_ERROR(
        KeepResults(results, part, encoded, part == results.chunks ? std::move(message) : message));
  }
  return absl::OkStatus();
}

absl::Status RunCoordinator::KeepResults(const Results& results, ChunkRange part,
                                         absl::string_view encoded, std::string message) {
  const std::size_t all_bytes = results.encoded.size();
  HeldResults held{std::move(message)};
  // `message` may be a copy, in which `encoded` has the same distance from the end.
  held.offset = held.message.size() - all_bytes +
                static_cast<std::size_t>(encoded.data() - results.encoded.data());
  const double share =
      static_cast<double>(part.size()) / static_cast<double>(results.chunks.size());
  return jobs_[static_cast<std::size_t>(results.job)].held.Insert(
      part.begin, part.size(), std::move(held),
      static_cast<Index>(static_cast<double>(all_bytes) * share));
}

void RunCoordinator::HandleSummary(int from, const SummaryMessage& summary) {
  if (phase_ == Phase::kRunning) {
    return Break(absl::InternalError(absl::StrCat(
        "rank ", from, " left the run before its end: all ranks must run the same program")));
  }
  RankStats& stats = stats_.ranks[static_cast<std::size_t>(from)];
  stats.host = summary.host;
  stats.node = summary.node;
  stats.chunks = summary.chunks;
  stats.rows = summary.rows;
  stats.busy_seconds = summary.busy_seconds;
  ranks_[static_cast<std::size_t>(from)].has_finished = true;
  --summaries_missing_;
  EndIfAllHaveStopped();
}

bool RunCoordinator::WantsMore(int rank) const {
  const RankState& rank_state = ranks_[static_cast<std::size_t>(rank)];
  if (rank_state.is_lost || executor_.is_stopped(rank)) return false;
  const Index num_assigned = rank_state.assignments_sent - rank_state.assignments_done;
  if (num_assigned <= 0) return true;
  if (num_assigned >= options_.credits) return false;
  double ahead_seconds = 0;
  for (const Ledger::InFlight& one : ledger_.given(rank)) {
    const double expected_seconds = dispatcher_.ExpectedSeconds(one.assignment.job, one.missing);
    // Chunks of unknown cost may be long, so other ranks, which are still idle, get the rest.
    if (expected_seconds == 0 && num_assigned >= kMostUnknown) return false;
    ahead_seconds += expected_seconds;
  }
  if (num_assigned == 1) return executor_.orchestrator_works() || ahead_seconds < kLongChunkSeconds;
  // A rank that has been silent for this long is in a long chunk, even if others have stolen the
  // rest of its work: it would not receive an assignment before the chunk ends.
  const double silent_seconds =
      std::chrono::duration<double>(now_ - rank_state.last_received).count();
  return ahead_seconds < kEnoughAheadSeconds && silent_seconds < kEnoughAheadSeconds;
}

bool RunCoordinator::IsIdle(int rank) const {
  return ranks_[static_cast<std::size_t>(rank)].assignments_sent ==
         ranks_[static_cast<std::size_t>(rank)].assignments_done;
}

std::optional<Assignment> RunCoordinator::NextFor(int rank) {
  // Drop retries of chunks that another rank has completed.
  const auto is_closed = [this](const Retry& retry) {
    const Assignment& one = retry.assignment;
    return ledger_.is_committed(one.job, one.chunks.begin) ||
           ledger_.is_quarantined(one.job, one.chunks.begin);
  };
  retries_.erase(std::remove_if(retries_.begin(), retries_.end(), is_closed), retries_.end());
  for (auto retry = retries_.begin(); retry != retries_.end(); ++retry) {
    // A retry goes to another rank, unless the others are dead or too busy to take it.
    const double waited_seconds = std::chrono::duration<double>(now_ - retry->since).count();
    if (retry->not_on_rank == rank && OthersWork(rank) &&
        waited_seconds < SilenceSeconds(retry->assignment.job))
      continue;
    const Assignment assignment = retry->assignment;
    retries_.erase(retry);
    return assignment;
  }
  return dispatcher_.Next(frontier_, ProcessorOf(rank));
}

bool RunCoordinator::AssignWork() {
  bool gave_any = false;
  for (bool gave = true; gave;) {
    gave = false;
    // Give each rank one assignment in turn, so that the first rank does not take the last one's
    // share.
    for (int rank = 1; rank < executor_.size(); ++rank) {
      if (!WantsMore(rank)) continue;
      // The last chunks go to the ranks that become idle first.
      if (!IsIdle(rank) && !dispatcher_.has_pending_over(executor_.size())) continue;
      const std::optional<Assignment> assignment = NextFor(rank);
      // Continue with the other ranks: the pending chunks may be reserved for them.
      if (!assignment) {
        if (IsIdle(rank)) gave_any |= Speculate(rank);
        continue;
      }
      AssignTo(rank, *assignment);
      if (phase_ != Phase::kRunning) return true;
      gave = gave_any = true;
    }
  }
  return gave_any;
}

void RunCoordinator::AssignTo(int rank, const Assignment& assignment) {
  ledger_.Assign(rank, assignment, now_);
  observers_.OnAssigned(rank, assignment);
  // Retries and speculative copies are never stolen: they may kill the rank that runs them.
  const bool is_shared = is_shared_ && assignment.attempt == 0;
  if (rank == 0) return own_work_.Enqueue(assignment, is_shared);
  RankState& rank_state = ranks_[static_cast<std::size_t>(rank)];
  if (rank_state.assignments_sent == rank_state.assignments_done) rank_state.last_received = now_;
  ++rank_state.assignments_sent;
  const absl::Status sent =
      executor_.transport().Send(rank, EncodeMessage(AssignMessage{assignment, is_shared}));
  if (!sent.ok()) Break(sent);
}

// Puts the last chunks on the board before rank 0 begins a chunk, because a rank that becomes idle
// during that chunk can steal them but cannot receive an assignment.
void RunCoordinator::ClaimTail() {
  while (all_share_ && own_work_.can_share_more() &&
         !dispatcher_.has_pending_over(executor_.size())) {
    const std::optional<Assignment> assignment = dispatcher_.Next(frontier_, ProcessorOf(0));
    if (!assignment) return;
    AssignTo(0, *assignment);
  }
}

bool RunCoordinator::WorkOneSlice() {
  if (!rank_0_works_) return false;
  if (own_work_.is_idle()) {
    const std::optional<Assignment> assignment = NextFor(0);
    if (assignment) {
      AssignTo(0, *assignment);
      ClaimTail();
    } else if (!own_work_.Steal() && !Speculate(0)) {
      return false;
    }
  }
  own_messages_.clear();
  is_in_step_ = true;
  own_work_.Step(kOwnSlice, &own_messages_);
  is_in_step_ = false;
  if (phase_ != Phase::kRunning) own_work_.Clear();
  for (std::string& message : own_messages_) Handle(0, std::move(message));
  return true;
}

bool RunCoordinator::PumpWhileWaiting() {
  ReceiveMessages();
  UpdateRankStates();
  if (phase_ == Phase::kRunning) CallObservers();
  if (phase_ == Phase::kRunning) CheckLimits();
  if (phase_ == Phase::kRunning) AssignWork();
  // The other ranks may have completed all of rank 0's chunks while it is stuck.
  bool all_are_closed = true;
  for (std::size_t j = 0; j < jobs_.size() && all_are_closed; ++j) {
    all_are_closed =
        stats_.jobs[j].chunks_done + stats_.jobs[j].chunks_quarantined == stats_.jobs[j].chunks;
  }
  return all_are_closed || phase_ != Phase::kRunning;
}

bool RunCoordinator::OpenNextBatch() {
  for (std::size_t k = 0; k < jobs_.size(); ++k) {
    const int j = next_job_;
    next_job_ = (next_job_ + 1) % static_cast<int>(jobs_.size());
    ReorderBuffer<HeldResults>& held = jobs_[static_cast<std::size_t>(j)].held;
    const Index before = held.held_bytes();
    std::optional<Batch<HeldResults>> batch = held.PopNext();
    if (!batch) continue;
    if (batch->payload.resumed_range) {
      absl::StatusOr<std::string> kept = options_.resumed->Read(*batch->payload.resumed_range);
      if (!kept.ok()) {
        Finish(kept.status());
        return false;
      }
      batch->payload.message = *std::move(kept);
    }
    open_.emplace(OpenBatch{j,
                            std::move(batch->payload),
                            WireReader(""),
                            {batch->first, batch->first + batch->count},
                            before - held.held_bytes()});
    open_->reader =
        WireReader(absl::string_view(open_->results.message).substr(open_->results.offset));
    frontier_[static_cast<std::size_t>(j)] = held.frontier();
    return true;
  }
  return false;
}

std::optional<DeliveredResult> RunCoordinator::DeliverOne() {
  if (phase_ == Phase::kRunning) CheckLimits();
  if (phase_ != Phase::kRunning) return std::nullopt;
  if (open_ && open_->chunks.size() == 0) open_.reset();
  if (!open_ && !OpenNextBatch()) return std::nullopt;
  JobState& job = jobs_[static_cast<std::size_t>(open_->job)];
  JobStats& stats = stats_.jobs[static_cast<std::size_t>(open_->job)];
  const ChunkId id = open_->chunks.begin++;
  DeliveredResult delivered{open_->job, {id, job.worker->data_iterator().chunk(id)}, {}};
  absl::Status status =
      open_->reader.ReadBytes(&delivered.encoded)
          ? job.worker->DeliverChunk(delivered.chunk, delivered.encoded)
          : absl::DataLossError("results cannot be read: all ranks must run the same program");
  if (!status.ok()) {
    Fail(delivered.job, id, 0, status);
    return std::nullopt;
  }
  // The batch is kept until the next call, because the returned view points into it. Its share of
  // the result budget is released now.
  observers_.OnDelivered(delivered.job, {id, id + 1});
  if (open_->chunks.size() == 0) dispatcher_.OnDelivered(open_->held_bytes);
  if (++stats.chunks_delivered == stats.chunks) stats.seconds = SecondsSinceStart();
  return delivered;
}

// Delivers as many results of a batch as fit between two readings of the clock.
bool RunCoordinator::DeliverSome() {
  if (open_ && open_->chunks.size() == 0) open_.reset();
  if (!open_ && !OpenNextBatch()) return false;
  JobState& job = jobs_[static_cast<std::size_t>(open_->job)];
  JobStats& stats = stats_.jobs[static_cast<std::size_t>(open_->job)];
  BatchSizer& batch_sizer = delivery_batch_sizers_[static_cast<std::size_t>(open_->job)];
  const ChunkId first = open_->chunks.begin;
  const ChunksDone some = job.worker->DeliverChunks(
      first, std::min(batch_sizer.next(), open_->chunks.size()), cancelled_, &open_->reader);
  const Clock::time_point now = Clock::now();
  batch_sizer.Took(some.done, now - delivery_clock_);
  delivery_clock_ = now;
  open_->chunks.begin += some.done;
  stats.chunks_delivered += some.done;
  if (some.done > 0) observers_.OnDelivered(open_->job, {first, first + some.done});
  if (!some.status.ok()) {
    Fail(open_->job, first + some.done, 0, some.status);
    return false;
  }
  if (open_->chunks.size() == 0) dispatcher_.OnDelivered(open_->held_bytes);
  if (stats.chunks_delivered == stats.chunks) stats.seconds = SecondsSinceStart();
  return true;
}

bool RunCoordinator::DeliverBatches() {
  delivery_clock_ = Clock::now();
  const Clock::time_point end = delivery_clock_ + kDeliverSlice;
  bool delivered = false;
  // DeliverSome returns false only if no job has results that are ready, or the run has ended.
  for (std::size_t batches = 0;
       batches < jobs_.size() && phase_ == Phase::kRunning && DeliverSome();) {
    delivered = true;
    if (delivery_clock_ >= end) return true;
    CheckLimits();
    if (open_->chunks.size() == 0) ++batches;
  }
  return delivered;
}

void RunCoordinator::Fail(int job, ChunkId chunk, int rank, const absl::Status& cause) {
  if (job >= 0 && job < static_cast<int>(jobs_.size()) && phase_ == Phase::kRunning)
    stats_.failed_job = job;
  Finish(absl::Status(cause.code(),
                      absl::StrCat(WhereIs(job, chunk), ", rank ", rank, ": ", cause.message())));
}

std::string RunCoordinator::WhereIs(int job, ChunkId chunk) const {
  std::string where = absl::StrCat("job ", job);
  if (job < 0 || job >= static_cast<int>(jobs_.size())) return where;
  const WorkerBase& worker = *jobs_[static_cast<std::size_t>(job)].worker;
  absl::StrAppend(&where, " (", worker.name(), "), chunk ", chunk);
  if (chunk >= 0 && chunk < worker.data_iterator().num_chunks()) {
    const RowRange rows = worker.data_iterator().chunk(chunk);
    absl::StrAppend(&where, " (rows ", rows.begin, " to ", rows.end - 1, ")");
  }
  return where;
}

void RunCoordinator::Finish(absl::Status status) {
  if (phase_ != Phase::kRunning) return;
  phase_ = Phase::kFinishing;
  status_ = std::move(status);
  status_.Update(observers_.OnPhase(RunPhase::kFinishing, stats_));
  // A step in progress still uses the queue; WorkOneSlice clears it afterwards.
  if (!is_in_step_) own_work_.Clear();
  const std::string message = EncodeMessage(mpaio::Finish{status_});
  summaries_missing_ = 0;
  // A rank that cannot be reached must not keep the others from receiving the message.
  absl::Status sent;
  for (int rank = 1; rank < executor_.size(); ++rank) {
    if (ranks_[static_cast<std::size_t>(rank)].is_lost) continue;
    ++summaries_missing_;
    sent.Update(executor_.transport().Send(rank, message));
  }
  StartFinishTimeout();
  if (!sent.ok()) return Break(sent);
  EndIfAllHaveStopped();
}

void RunCoordinator::EndIfAllHaveStopped() {
  if (phase_ != Phase::kFinishing || summaries_missing_ > 0) return;
  phase_ = Phase::kDone;
  own_work_.set_input_guards({});
  RankStats& own = stats_.ranks.front();
  own.host = executor_.host();
  own.node = executor_.node();
  own.chunks = own_work_.chunks();
  own.rows = own_work_.rows();
  own.busy_seconds = own_work_.busy_seconds();
  stats_.seconds = SecondsSinceStart();
  status_.Update(observers_.OnPhase(RunPhase::kEnded, stats_));
}

void RunCoordinator::Break(const absl::Status& status) {
  if (phase_ == Phase::kDone) return;
  if (status_.ok()) status_ = status;
  is_broken_ = true;
  if (phase_ == Phase::kRunning) {
    phase_ = Phase::kFinishing;
    observers_.OnPhase(RunPhase::kFinishing, stats_).IgnoreError();
    // Send Finish to the ranks that can still be reached, so that they do not wait forever.
    const std::string message = EncodeMessage(mpaio::Finish{status_});
    for (int rank = 1; rank < executor_.size(); ++rank)
      executor_.transport().Send(rank, message).IgnoreError();
  }
  summaries_missing_ = 0;
  phase_ = Phase::kFinishing;
  EndIfAllHaveStopped();
}

}  // namespace mpaio
