// SPDX-License-Identifier: Apache-2.0
#include "mpaio/worker/sandbox.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/base/wire.h"
#include "mpaio/worker/guard.h"
#include "mpaio/worker/sandbox_child.h"

namespace mpaio {
namespace {

using std::chrono::nanoseconds;

// The longest time between two polls by the parent. The kernel wakes it when the child has ended
// (pidfd, Linux 5.3), and the child wakes it when the command is done, unless Process has closed
// all files. (Measured: polling every 2 ms takes 1 % of a core.)
constexpr std::chrono::milliseconds kLongestSleep(100);
constexpr std::chrono::milliseconds kLongestSleepWithoutPidfd(2);
constexpr std::chrono::milliseconds kAskPeriod(5);
// A child has at least this long to begin its first chunk, because it may have to wait for a core.
constexpr std::chrono::seconds kLeastTimeToBegin(1);
constexpr int kMaxFailedStarts = 3;

// True if `bytes` are `count` results, each preceded by its length.
bool AreResults(absl::string_view bytes, Index count) {
  WireReader reader(bytes);
  for (absl::string_view result; count > 0 && reader.ReadBytes(&result);) --count;
  return count == 0 && reader.at_end();
}

}  // namespace

Sandbox::Sandbox(std::vector<WorkerBase*> workers, const SandboxOptions& options)
    : workers_(std::move(workers)),
      options_(options),
      batch_time_(options.chunk_deadline.has_value()
                      ? std::min(options.batch_time, *options.chunk_deadline / 4)
                      : options.batch_time) {}

Sandbox::~Sandbox() = default;

absl::StatusOr<SandboxDone> Sandbox::ProcessChunks(int job, ChunkId first, Index count,
                                                   std::string* encoded) {
  if (job < 0 || static_cast<std::size_t>(job) >= workers_.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no job with index ", job, ": there are ", workers_.size()));
  }
  const std::size_t before = encoded->size();
  SandboxDone result;
  const absl::Status status = ProcessAll(job, first, count, encoded, &result);
  if (status.ok()) return result;
  std::string cause;
  child_.End(&cause);
  encoded->resize(before);
  return status;
}

absl::Status Sandbox::ProcessAll(int job, ChunkId first, Index count, std::string* encoded,
                                 SandboxDone* result) {
  // Chunks below this index are processed one at a time, because a child ended during them.
  Index suspected = 0;
  for (int failed_starts = 0; result->done < count && result->status.ok();) {
    const Index wanted = result->done < suspected ? 1 : count - result->done;
    MPAIO_ASSIGN_OR_RETURN(Outcome outcome, Command(job, first + result->done, wanted, encoded));
    result->done += outcome.done;
    result->status = std::move(outcome.status);
    if (outcome.ended && outcome.suspects == 1) {
      result->crash = ChunkCrash{.chunk = first + result->done,
                                 .cause = std::move(outcome.cause),
                                 .overran = outcome.overran};
      break;
    }
    suspected = std::max(suspected, result->done + outcome.suspects);
    if (outcome.done > 0 || outcome.suspects > 0) {
      failed_starts = 0;
    } else if (outcome.ended && ++failed_starts == kMaxFailedStarts) {
      return absl::UnavailableError(absl::StrCat(
          "cannot isolate Process: ", kMaxFailedStarts,
          " child processes in a row ended before they began a chunk; the last ", outcome.cause));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Sandbox::Outcome> Sandbox::Command(int job, ChunkId first, Index count,
                                                  std::string* encoded) {
  std::string cause;
  if (child_.exists() && forked_by_ != std::this_thread::get_id()) child_.End(&cause);
  if (!child_.exists()) MPAIO_RETURN_IF_ERROR(StartChild());
  SandboxBoard& board = channel_.board();
  board.job = job;
  board.first = first;
  board.count = count;
  board.records[board.current.load(std::memory_order_relaxed) % 2].Set(0, 0, 0, SandboxNowNs());
  const std::uint32_t command = board.commands.load(std::memory_order_relaxed) + 1;
  board.commands.store(command, std::memory_order_release);
  board.to_child.Ring();

  Outcome outcome;
  Await(command, &outcome);
  if (outcome.cancelled) return absl::CancelledError("the run is over");
  const std::size_t before = encoded->size();
  std::size_t size_bytes = 0;
  bool credible = ReadOutcome(count, &outcome, &size_bytes);
  if (credible) {
    MPAIO_RETURN_IF_ERROR(
        CallGuarded("reading results", [&] { return channel_.Read(0, size_bytes, encoded); }));
    credible = AreResults(absl::string_view(*encoded).substr(before), outcome.done);
  }
  if (!credible) {
    // Process can write to the board and to the results, and must have done so.
    child_.End(&cause);
    encoded->resize(before);
    outcome = Outcome();
    outcome.ended = true;
    outcome.suspects = count;
    outcome.cause = "overwrote memory that is not its own";
  }
  // A child that ended may have written more to the file than it reported.
  if (outcome.ended || size_bytes > SandboxChannel::kAreaBytes + SandboxChannel::kKeptFileBytes)
    MPAIO_RETURN_IF_ERROR(channel_.EmptyFile());
  return outcome;
}

bool Sandbox::IsAnswered(std::uint32_t command) const {
  return channel_.board().answers.load(std::memory_order_acquire) == command;
}

// Returns when the command is answered or the child has ended.
void Sandbox::Await(std::uint32_t command, Outcome* outcome) {
  if (spins_) SpinFor([&] { return IsAnswered(command); });
  while (!IsAnswered(command)) {
    nanoseconds sleep = child_.pidfd() >= 0 ? kLongestSleep : kLongestSleepWithoutPidfd;
    if (options_.chunk_deadline.has_value() && EndIfOverdue(command, &sleep, outcome)) return;
    if (options_.is_over) sleep = std::min<nanoseconds>(sleep, kAskPeriod);
    channel_.SleepUntilAnswered(command, child_.pidfd(), sleep);
    if (options_.is_over && !IsAnswered(command) && options_.is_over()) {
      child_.End(&outcome->cause);
      outcome->cancelled = true;
      return;
    }
    if (!IsAnswered(command) && child_.Reap(&outcome->cause)) {
      outcome->ended = !IsAnswered(command);
      return;
    }
  }
}

// Ends the child if its chunk has exceeded the deadline. Returns true if the child has ended;
// otherwise limits `*sleep` to the time that is left.
bool Sandbox::EndIfOverdue(std::uint32_t command, nanoseconds* sleep, Outcome* outcome) {
  SandboxBoard& board = channel_.board();
  const nanoseconds deadline = *options_.chunk_deadline;
  const std::uint64_t current = board.current.load(std::memory_order_acquire);
  const SandboxBoard::Record& record = board.records[current % 2];
  const bool begun = record.batch.load(std::memory_order_relaxed) != 0;
  const nanoseconds allowed = begun ? deadline : std::max<nanoseconds>(deadline, kLeastTimeToBegin);
  const nanoseconds taken(SandboxNowNs() - record.begun_ns.load(std::memory_order_relaxed));
  if (taken < allowed) {
    *sleep = std::min(*sleep, allowed - taken);
    return false;
  }
  if (child_.Reap(&outcome->cause)) {
    outcome->ended = !IsAnswered(command);
    return true;
  }
  child_.End(&outcome->cause);
  // The child may have finished the chunk before it was killed; then the chunk is not late.
  outcome->ended = !IsAnswered(command);
  outcome->overran =
      outcome->ended && begun && board.current.load(std::memory_order_relaxed) == current;
  if (outcome->overran) {
    outcome->cause = absl::StrCat(
        "took longer than ", std::chrono::duration<double>(deadline).count(), " s and was ended");
  } else if (outcome->ended) {
    // The child was killed in a later chunk, which is not to blame.
    board.records[board.current.load(std::memory_order_relaxed) % 2].batch.store(
        0, std::memory_order_relaxed);
  }
  return true;
}

// Reads the outcome from the board; returns false if the board's contents are impossible.
bool Sandbox::ReadOutcome(Index count, Outcome* outcome, std::size_t* size_bytes) const {
  const SandboxBoard& board = channel_.board();
  const SandboxBoard::Record& record =
      board.records[board.current.load(std::memory_order_acquire) % 2];
  outcome->done = record.done.load(std::memory_order_relaxed);
  const Index batch = record.batch.load(std::memory_order_relaxed);
  *size_bytes = record.bytes.load(std::memory_order_relaxed);
  if (!channel_.Contains(*size_bytes, 0)) return false;
  if (outcome->done < 0 || outcome->done > count || batch < 0 || batch > count - outcome->done)
    return false;
  if (outcome->ended) {
    outcome->suspects = batch;
    return true;
  }
  const auto code = static_cast<absl::StatusCode>(board.status_code);
  if (code == absl::StatusCode::kOk) return outcome->done == count;
  if (outcome->done == count || absl::StatusCodeToString(code).empty()) return false;
  const std::size_t text_bytes = board.text_bytes;
  std::string text;
  if (!channel_.Contains(*size_bytes, text_bytes) || !CallGuarded("reading a status", [&] {
                                                        return channel_.Read(*size_bytes,
                                                                             text_bytes, &text);
                                                      }).ok())
    return false;
  outcome->status = absl::Status(code, text);
  return true;
}

absl::Status Sandbox::StartChild() {
  MPAIO_RETURN_IF_ERROR(channel_.Reset());
  cpu_set_t cores;
  spins_ = sched_getaffinity(0, sizeof(cores), &cores) == 0 && CPU_COUNT(&cores) > 1;
  MPAIO_RETURN_IF_ERROR(child_.Fork([this](pid_t parent) {
    SandboxChild(workers_, batch_time_, spins_, &channel_).Run(parent);
  }));
  forked_by_ = std::this_thread::get_id();
  return absl::OkStatus();
}

}  // namespace mpaio
