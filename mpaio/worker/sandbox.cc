// SPDX-License-Identifier: Apache-2.0
#include "mpaio/worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/base/wire.h"
#include "mpaio/host/doorbell.h"
#include "mpaio/host/fault_handler.h"
#include "mpaio/host/process_end.h"
#include "mpaio/worker/guard.h"

namespace mpaio {
namespace {

using std::chrono::nanoseconds;

// The first kAreaBytes of the results are in shared memory, the rest in the file. A file with more
// than kKeptFileBytes is emptied after the command, to free its memory.
constexpr std::size_t kAreaBytes = std::size_t{1} << 20;
constexpr std::size_t kKeptFileBytes = std::size_t{16} << 20;
constexpr std::size_t kBoardBytes = 4096;

// Spinning saves waking up, which is most of the few microseconds that a reply from another core
// takes.
constexpr std::chrono::microseconds kSpin(2);
// The longest time between two polls by the parent. The kernel wakes it when the child has ended
// (pidfd, Linux 5.3), and the child wakes it when the command is done, unless Process has closed
// all files. (Measured: polling every 2 ms takes 1 % of a core.)
constexpr std::chrono::milliseconds kLongestSleep(100);
constexpr std::chrono::milliseconds kLongestSleepWithoutPidfd(2);
constexpr std::chrono::milliseconds kAskPeriod(5);
// A child has at least this long to begin its first chunk, because it may have to wait for a core.
constexpr std::chrono::seconds kLeastTimeToBegin(1);
constexpr std::chrono::seconds kIdleSleep(1);
constexpr int kMaxFailedStarts = 3;
constexpr double kFastestGrowth = 4;

std::int64_t NowNs() {
  return nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

absl::Status SystemFailure(absl::string_view what) {
  return absl::ResourceExhaustedError(
      absl::StrCat("cannot isolate Process: ", what, ": ", strerror(errno)));
}

// Spins for a few microseconds until `condition` is true.
template <typename F>
void SpinFor(const F& condition) {
  const std::int64_t until = NowNs() + nanoseconds(kSpin).count();
  while (!condition() && NowNs() < until) {
  }
}

// True if `bytes` are `count` results, each preceded by its length.
bool AreResults(absl::string_view bytes, Index count) {
  WireReader reader(bytes);
  for (absl::string_view result; count > 0 && reader.ReadBytes(&result);) --count;
  return count == 0 && reader.at_end();
}

std::string CauseOf(int wait_status) {
  std::string cause = DescribeProcessEnd(wait_status);
  if (!WIFSIGNALED(wait_status) || cause.back() != ')') return cause;
  if (WTERMSIG(wait_status) == SIGKILL)
    return absl::StrCat(cause, ", as the system does when memory runs out");
  // Appends the meaning of the signal to its name.
  std::string description(sigdescr_np(WTERMSIG(wait_status)));
  description[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(description[0])));
  cause.pop_back();
  return absl::StrCat(cause, ": ", description, ")");
}

// exit() in user code ends the child with its status, and skips the rank's exit handlers: the child
// must not finalise MPI.
void LeaveAtOnce(int status, void*) {
  std::fflush(stdout);
  _exit(status);
}

// Makes a fork of a rank a plain child. All signals are blocked at the call; `mask` is the previous
// mask, which is restored with the deadly signals unblocked.
void BecomeChild(pid_t parent, sigset_t mask) {
  // The handlers belong to the rank: MPI's print backtraces, and the program's report on the run. A
  // fault of the child must kill it. All other signals are meant for the rank, even if they are
  // sent to the whole group.
  constexpr int kDeadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL, SIGTRAP, SIGSYS};
  struct sigaction action = {};
  for (int number = 1; number < NSIG; ++number) {
    if (sigaction(number, nullptr, &action) == 0 && action.sa_handler != SIG_DFL &&
        action.sa_handler != SIG_IGN)
      signal(number, SIG_IGN);
  }
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) signal(number, SIG_IGN);
  // Process may wait for children of its own.
  signal(SIGCHLD, SIG_DFL);
  for (const int number : kDeadly) {
    signal(number, SIG_DFL);
    sigdelset(&mask, number);
  }
  // Inputs may be loaded on demand, through SIGSEGV.
  KeepFaultHandlerOnly(SIGSEGV);
  // The child does not outlive the rank, even if the rank ended just before this call.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);
  // If the system must kill a process, it should kill the child, not the rank. The system may
  // refuse this setting; it then chooses as usual.
  if (const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); file >= 0) {
    [[maybe_unused]] const ssize_t written = write(file, "1000", 4);
    close(file);
  }
  // A core file would contain all arrays, and the run would wait for it.
  rlimit core = {};
  if (getrlimit(RLIMIT_CORE, &core) == 0) {
    core.rlim_cur = 0;
    setrlimit(RLIMIT_CORE, &core);
  }
  // Line buffering shows what Process printed before a crash. The buffer is a new one, because
  // printf of glibc 2.41 otherwise keeps filling the old one.
  static char buffer[BUFSIZ];
  setvbuf(stdout, buffer, _IOLBF, sizeof(buffer));
  on_exit(LeaveAtOnce, nullptr);
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

}  // namespace

// In memory shared by both processes. A command is posted by incrementing `commands`, and is
// answered when `answers` has the same value.
//
// Memory ordering: `commands` and `answers` are stored with release and loaded with acquire, or
// stronger: a process that sees the count also sees the command, or the answer and all results.
// When waitpid reports the child's end, all of its stores are visible. Only the records are read
// while they are written, to check the deadline; the chunk to blame is chosen after the child has
// ended, when they no longer change.
struct Sandbox::Board {
  // The child's progress: `done` chunks have results, `bytes` in total, and `batch` more have been
  // in progress since `begun_ns` (steady_clock). The child writes the record that is not current,
  // then makes it current, so a child that is killed at any point leaves a complete record.
  struct Record {
    void Set(Index done_now, std::size_t bytes_now, Index batch_now, std::int64_t now_ns) {
      done.store(done_now, std::memory_order_relaxed);
      bytes.store(bytes_now, std::memory_order_relaxed);
      batch.store(batch_now, std::memory_order_relaxed);
      begun_ns.store(now_ns, std::memory_order_relaxed);
    }
    std::atomic<Index> done;
    std::atomic<std::size_t> bytes;
    std::atomic<Index> batch;
    std::atomic<std::int64_t> begun_ns;
  };

  void Publish(Index done, std::size_t bytes, Index batch, std::int64_t now_ns) {
    const std::uint64_t next = current.load(std::memory_order_relaxed) + 1;
    records[next % 2].Set(done, bytes, batch, now_ns);
    current.store(next, std::memory_order_release);
  }

  // Written by the parent. While no command is in progress, the parent also writes the current
  // record.
  alignas(kDoorbellStrideBytes) Doorbell to_child;
  std::atomic<std::uint32_t> commands;
  int job;
  ChunkId first;
  Index count;
  // Set while the parent sleeps. It sleeps on a file (bell_), not a futex, so that the child's end
  // can wake it too.
  std::atomic<bool> parent_sleeps;
  // Written by the child.
  alignas(kDoorbellStrideBytes) std::atomic<std::uint32_t> answers;
  // The status text follows the results.
  int status_code;
  std::size_t text_bytes;
  alignas(kDoorbellStrideBytes) std::atomic<std::uint64_t> current;
  Record records[2];
};

Sandbox::Sandbox(std::vector<WorkerBase*> workers, const SandboxOptions& options)
    : workers_(std::move(workers)),
      options_(options),
      batch_time_(options.chunk_deadline.has_value()
                      ? std::min(options.batch_time, *options.chunk_deadline / 4)
                      : options.batch_time) {}

Sandbox::~Sandbox() {
  std::string cause;
  EndChild(&cause);
  if (board_ != nullptr) munmap(board_, kBoardBytes + kAreaBytes);
  for (const int file : {file_, bell_}) {
    if (file >= 0) close(file);
  }
}

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
  EndChild(&cause);
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
  if (child_ != 0 && forked_by_ != std::this_thread::get_id()) EndChild(&cause);
  if (child_ == 0) MPAIO_RETURN_IF_ERROR(Fork());
  board_->job = job;
  board_->first = first;
  board_->count = count;
  board_->records[board_->current.load(std::memory_order_relaxed) % 2].Set(0, 0, 0, NowNs());
  const std::uint32_t command = board_->commands.load(std::memory_order_relaxed) + 1;
  board_->commands.store(command, std::memory_order_release);
  board_->to_child.Ring();

  Outcome outcome;
  Await(command, &outcome);
  if (outcome.cancelled) return absl::CancelledError("the run is over");
  const std::size_t before = encoded->size();
  std::size_t size_bytes = 0;
  bool credible = ReadOutcome(count, &outcome, &size_bytes);
  if (credible) {
    MPAIO_RETURN_IF_ERROR(
        CallGuarded("reading results", [&] { return Read(0, size_bytes, encoded); }));
    credible = AreResults(absl::string_view(*encoded).substr(before), outcome.done);
  }
  if (!credible) {
    // Process can write to the board and to the results, and must have done so.
    EndChild(&cause);
    encoded->resize(before);
    outcome = Outcome();
    outcome.ended = true;
    outcome.suspects = count;
    outcome.cause = "overwrote memory that is not its own";
  }
  // A child that ended may have written more to the file than it reported.
  if ((outcome.ended || size_bytes > kAreaBytes + kKeptFileBytes) && ftruncate(file_, 0) != 0)
    return SystemFailure("ftruncate");
  return outcome;
}

// Returns when the command is answered or the child has ended.
void Sandbox::Await(std::uint32_t command, Outcome* outcome) {
  const auto answered = [&] { return board_->answers.load(std::memory_order_acquire) == command; };
  if (spins_) SpinFor(answered);
  while (!answered()) {
    nanoseconds sleep = pidfd_ >= 0 ? kLongestSleep : kLongestSleepWithoutPidfd;
    if (options_.chunk_deadline.has_value()) {
      const nanoseconds deadline = *options_.chunk_deadline;
      const std::uint64_t current = board_->current.load(std::memory_order_acquire);
      const Board::Record& record = board_->records[current % 2];
      const bool begun = record.batch.load(std::memory_order_relaxed) != 0;
      const nanoseconds allowed =
          begun ? deadline : std::max<nanoseconds>(deadline, kLeastTimeToBegin);
      const nanoseconds taken(NowNs() - record.begun_ns.load(std::memory_order_relaxed));
      if (taken >= allowed) {
        if (Reap(WNOHANG, &outcome->cause)) {
          outcome->ended = !answered();
          return;
        }
        EndChild(&outcome->cause);
        // The child may have finished the chunk before it was killed; then the chunk is not late.
        outcome->ended = !answered();
        outcome->overran =
            outcome->ended && begun && board_->current.load(std::memory_order_relaxed) == current;
        if (outcome->overran) {
          outcome->cause =
              absl::StrCat("took longer than ", std::chrono::duration<double>(deadline).count(),
                           " s and was ended");
        } else if (outcome->ended) {
          // The child was killed in a later chunk, which is not to blame.
          board_->records[board_->current.load(std::memory_order_relaxed) % 2].batch.store(
              0, std::memory_order_relaxed);
        }
        return;
      }
      sleep = std::min(sleep, allowed - taken);
    }
    if (options_.is_over) sleep = std::min<nanoseconds>(sleep, kAskPeriod);
    Sleep(command, sleep);
    if (options_.is_over && !answered() && options_.is_over()) {
      EndChild(&outcome->cause);
      outcome->cancelled = true;
      return;
    }
    if (!answered() && Reap(WNOHANG, &outcome->cause)) {
      outcome->ended = !answered();
      return;
    }
  }
}

// Returns when the command is answered, the child ends, or `at_most` has passed; wakes up
// spuriously at times.
void Sandbox::Sleep(std::uint32_t command, nanoseconds at_most) {
  // Sequentially consistent on both sides: either the child sees that the parent sleeps, or the
  // parent sees the child's answer (Dekker's pattern).
  board_->parent_sleeps.store(true, std::memory_order_seq_cst);
  if (board_->answers.load(std::memory_order_seq_cst) != command) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at_most);
    const timespec bound{static_cast<time_t>(seconds.count()),
                         static_cast<long>((at_most - seconds).count())};
    // poll ignores negative file descriptors.
    pollfd files[] = {{bell_, POLLIN, 0}, {pidfd_, POLLIN, 0}};
    std::uint64_t rings = 0;
    if (ppoll(files, 2, &bound, nullptr) > 0 && files[0].revents != 0) {
      [[maybe_unused]] const ssize_t size = read(bell_, &rings, sizeof(rings));
    }
  }
  board_->parent_sleeps.store(false, std::memory_order_relaxed);
}

// Reads the outcome from the board; returns false if the board's contents are impossible.
bool Sandbox::ReadOutcome(Index count, Outcome* outcome, std::size_t* size_bytes) const {
  const Board::Record& record =
      board_->records[board_->current.load(std::memory_order_acquire) % 2];
  outcome->done = record.done.load(std::memory_order_relaxed);
  const Index batch = record.batch.load(std::memory_order_relaxed);
  *size_bytes = record.bytes.load(std::memory_order_relaxed);
  // True if there is space for `more` bytes after the results.
  const auto fits = [&](std::size_t more) {
    if (*size_bytes <= kAreaBytes && more <= kAreaBytes - *size_bytes) return true;
    struct stat file = {};
    if (fstat(file_, &file) != 0) return false;
    const std::size_t capacity = kAreaBytes + static_cast<std::size_t>(file.st_size);
    return *size_bytes <= capacity && more <= capacity - *size_bytes;
  };
  if (!fits(0)) return false;
  if (outcome->done < 0 || outcome->done > count || batch < 0 || batch > count - outcome->done)
    return false;
  if (outcome->ended) {
    outcome->suspects = batch;
    return true;
  }
  const auto code = static_cast<absl::StatusCode>(board_->status_code);
  if (code == absl::StatusCode::kOk) return outcome->done == count;
  if (outcome->done == count || absl::StatusCodeToString(code).empty()) return false;
  const std::size_t text_bytes = board_->text_bytes;
  std::string text;
  if (!fits(text_bytes) ||
      !CallGuarded("reading a status", [&] { return Read(*size_bytes, text_bytes, &text); }).ok())
    return false;
  outcome->status = absl::Status(code, text);
  return true;
}

// Appends the bytes at `position` of the results.
absl::Status Sandbox::Read(std::size_t position, std::size_t size_bytes, std::string* out) const {
  if (position < kAreaBytes) {
    const std::size_t in_area = std::min(size_bytes, kAreaBytes - position);
    if (size_bytes > in_area) out->reserve(out->size() + size_bytes);
    out->append(results_ + position, in_area);
    position += in_area;
    size_bytes -= in_area;
  }
  if (size_bytes == 0) return absl::OkStatus();
  const std::size_t before = out->size();
  out->resize(before + size_bytes);
  for (std::size_t done = 0; done < size_bytes;) {
    const ssize_t got = pread(file_, out->data() + before + done, size_bytes - done,
                              static_cast<off_t>(position - kAreaBytes + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return absl::InternalError(absl::StrCat("cannot read a result from memory: ",
                                              got < 0 ? strerror(errno) : "it ends too early"));
    done += static_cast<std::size_t>(got);
  }
  return absl::OkStatus();
}

absl::Status Sandbox::Map() {
  static_assert(sizeof(Board) <= kBoardBytes);
  if (file_ < 0) file_ = memfd_create("mpaio-results", MFD_CLOEXEC);
  if (file_ < 0) return SystemFailure("memfd_create");
  if (bell_ < 0) bell_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (bell_ < 0) return SystemFailure("eventfd");
  void* const memory = mmap(nullptr, kBoardBytes + kAreaBytes, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return SystemFailure("mmap");
  board_ = static_cast<Board*>(memory);
  results_ = static_cast<char*>(memory) + kBoardBytes;
  return absl::OkStatus();
}

absl::Status Sandbox::Fork() {
  if (board_ == nullptr) MPAIO_RETURN_IF_ERROR(Map());
  new (board_) Board();
  cpu_set_t cores;
  spins_ = sched_getaffinity(0, sizeof(cores), &cores) == 0 && CPU_COUNT(&cores) > 1;
  // Otherwise both processes would print what is buffered.
  std::fflush(nullptr);
  std::cout.flush();
  // Signals are blocked until the child has its own handling, so that none of the rank's handlers
  // runs in the child.
  sigset_t all, mask;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &mask);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    BecomeChild(parent, mask);
    RunWorkerLoop(parent);
  }
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  errno = error;
  if (child < 0) return SystemFailure("fork");
  child_ = child;
  // pidfds are close-on-exec.
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  forked_by_ = std::this_thread::get_id();
  return absl::OkStatus();
}

// Returns true if the child has ended, and sets `*cause`. `options` = 0 waits for its end. Until
// this call the child keeps its process id, so no other process can have it.
bool Sandbox::Reap(int options, std::string* cause) {
  int status = 0;
  pid_t ended = 0;
  do {
    ended = waitpid(child_, &status, options);
  } while (ended < 0 && errno == EINTR);
  if (ended == 0) return false;
  child_ = 0;
  if (pidfd_ >= 0) close(std::exchange(pidfd_, -1));
  *cause = ended > 0 ? CauseOf(status)
                     : "ended in an unknown way, because this process ignores SIGCHLD or waits for "
                       "its children elsewhere";
  return true;
}

void Sandbox::EndChild(std::string* cause) {
  if (child_ == 0 || Reap(WNOHANG, cause)) return;
  kill(child_, SIGKILL);
  Reap(0, cause);
}

void Sandbox::RunWorkerLoop(pid_t parent) {
  std::vector<Index> batches(workers_.size(), 1);
  std::string encoded;
  for (std::uint32_t answered = 0;; ++answered) {
    const auto commanded = [&] {
      return board_->commands.load(std::memory_order_acquire) != answered;
    };
    if (spins_) SpinFor(commanded);
    for (;;) {
      const std::uint32_t heard = board_->to_child.Heard();
      if (commanded()) break;
      board_->to_child.Sleep(heard, kIdleSleep);
      if (getppid() != parent) _exit(0);
    }
    ExecuteCommand(batches, encoded);
    std::fflush(stdout);
    std::cout.flush();
    board_->answers.store(answered + 1, std::memory_order_seq_cst);
    if (board_->parent_sleeps.load(std::memory_order_seq_cst)) {
      const std::uint64_t ring = 1;
      [[maybe_unused]] const ssize_t rung = write(bell_, &ring, sizeof(ring));
    }
  }
}

// `batches`: for each job the number of chunks to process together. `encoded`: a buffer for
// results, reused by the next command.
void Sandbox::ExecuteCommand(std::vector<Index>& batches, std::string& encoded) {
  const WorkerBase& worker = *workers_[static_cast<std::size_t>(board_->job)];
  Index& batch = batches[static_cast<std::size_t>(board_->job)];
  const ChunkId first = board_->first;
  const Index count = board_->count;
  bool one_at_a_time = false;
  Index done = 0;
  std::size_t bytes = 0;
  absl::Status status;
  std::int64_t begun_ns = NowNs();
  while (done < count && status.ok()) {
    const Index together = one_at_a_time ? 1 : std::min(batch, count - done);
    board_->Publish(done, bytes, together, begun_ns);
    encoded.clear();
    ChunksDone processed;
    absl::Status failure = CallGuarded("Process", [&]() -> absl::Status {
      processed = worker.ProcessChunks(first + done, together, &encoded);
      return Write(bytes, encoded);
    });
    if (!failure.ok()) {
      // It is unknown which of the chunks failed.
      if (together > 1) {
        one_at_a_time = true;
        begun_ns = NowNs();
        continue;
      }
      processed = {0, std::move(failure)};
      encoded.clear();
    }
    done += processed.done;
    bytes += encoded.size();
    status = std::move(processed.status);
    const std::int64_t now_ns = NowNs();
    // The number of chunks that fit in batch_time at this speed; in floating point, because the
    // product may be large.
    const double growth = static_cast<double>(batch_time_.count()) /
                          static_cast<double>(std::max<std::int64_t>(now_ns - begun_ns, 1));
    batch = std::max<Index>(
        1, static_cast<Index>(static_cast<double>(together) * std::min(growth, kFastestGrowth)));
    begun_ns = now_ns;
  }
  if (encoded.capacity() > kKeptFileBytes) std::string().swap(encoded);
  // If there is no memory for the text, only the code is reported.
  const std::string text(status.message());
  board_->status_code = static_cast<int>(status.code());
  board_->text_bytes =
      CallGuarded("Process", [&] { return Write(bytes, text); }).ok() ? text.size() : 0;
  board_->Publish(done, bytes, 0, begun_ns);
}

absl::Status Sandbox::Write(std::size_t position, const std::string& bytes) {
  std::size_t written = 0;
  if (position < kAreaBytes) {
    written = std::min(bytes.size(), kAreaBytes - position);
    std::memcpy(results_ + position, bytes.data(), written);
  }
  while (written < bytes.size()) {
    const ssize_t more = pwrite(file_, bytes.data() + written, bytes.size() - written,
                                static_cast<off_t>(position + written - kAreaBytes));
    if (more < 0 && errno == EINTR) continue;
    if (more <= 0) {
      return absl::ResourceExhaustedError(absl::StrCat("cannot store a result of ", bytes.size(),
                                                       " bytes: ", strerror(errno),
                                                       "; use smaller chunks"));
    }
    written += static_cast<std::size_t>(more);
  }
  return absl::OkStatus();
}

}  // namespace mpaio
