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
#include "mpaio/base/doorbell.h"
#include "mpaio/base/fault_handler.h"
#include "mpaio/base/process_end.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/base/wire.h"
#include "mpaio/worker/guard.h"

namespace mpaio {
namespace {

using std::chrono::nanoseconds;

// Results up to here lie in the area; what is behind, in the file, of which no more than
// kKeptFileBytes are kept for the next results.
constexpr std::size_t kAreaBytes = std::size_t{1} << 20;
constexpr std::size_t kKeptFileBytes = std::size_t{16} << 20;
constexpr std::size_t kBoardBytes = 4096;

// A reply from another core takes some microseconds, and most of it is the waking.
constexpr std::chrono::microseconds kSpin(2);
// How often the parent looks by itself. The kernel wakes it when the child has ended (Linux 5.3);
// the child does when it is done, unless Process has closed all files. (Measured: to look every 2
// ms takes 1 % of a core.)
constexpr std::chrono::milliseconds kLongestSleep(100);
constexpr std::chrono::milliseconds kLongestSleepWithoutPidfd(2);
constexpr std::chrono::milliseconds kAskPeriod(5);
// A child may be given no core for a while before it begins.
constexpr std::chrono::seconds kLeastTimeToBegin(1);
constexpr std::chrono::seconds kIdleSleep(1);
constexpr int kMostVainChildren = 3;
constexpr double kFastestGrowth = 4;

std::int64_t NowNs() {
  return nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

absl::Status NoRoom(absl::string_view what) {
  return absl::ResourceExhaustedError(
      absl::StrCat("cannot isolate Process: ", what, ": ", strerror(errno)));
}

// Looks for a few microseconds whether `come` does.
template <typename F>
void SpinFor(const F& come) {
  const std::int64_t until = NowNs() + nanoseconds(kSpin).count();
  while (!come() && NowNs() < until) {
  }
}

// Whether these are so many results, each behind its length.
bool AreResults(absl::string_view bytes, Index count) {
  WireReader reader(bytes);
  for (absl::string_view result; count > 0 && reader.ReadBytes(&result);) --count;
  return count == 0 && reader.at_end();
}

std::string CauseOf(int wait_status) {
  std::string cause = DescribeProcessEnd(wait_status);
  if (!WIFSIGNALED(wait_status) || cause.back() != ')') return cause;
  if (WTERMSIG(wait_status) == SIGKILL)
    return absl::StrCat(cause, ", which is what the system does where memory runs out");
  // What the signal means, behind its name.
  std::string description(sigdescr_np(WTERMSIG(wait_status)));
  description[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(description[0])));
  cause.pop_back();
  return absl::StrCat(cause, ": ", description, ")");
}

// A user's exit() is the end of the child, with its status, and without what the rank would do at
// its end: MPI is not the child's to finalise.
void LeaveAtOnce(int status, void*) {
  std::fflush(stdout);
  _exit(status);
}

// What a fork of a rank must do to be no rank. All signals are blocked, and `mask` is what it was
// before.
void BecomeChild(pid_t parent, sigset_t mask) {
  // The handlers belong to the rank: MPI's print backtraces, and the program's speak of the run.
  // What comes of an error is deadly; all else is meant for the rank, also where it is sent to the
  // whole group.
  constexpr int kDeadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL, SIGTRAP, SIGSYS};
  struct sigaction action = {};
  for (int number = 1; number < NSIG; ++number) {
    if (sigaction(number, nullptr, &action) == 0 && action.sa_handler != SIG_DFL &&
        action.sa_handler != SIG_IGN)
      signal(number, SIG_IGN);
  }
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) signal(number, SIG_IGN);
  // For children that Process may have.
  signal(SIGCHLD, SIG_DFL);
  for (const int number : kDeadly) {
    signal(number, SIG_DFL);
    sigdelset(&mask, number);
  }
  // Inputs may be loaded on demand.
  KeepFaultHandlerOnly(SIGSEGV);
  // The child does not survive the rank, also not one that ended a moment ago.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);
  // Where the system must kill something, not the rank. It may refuse to be told; then it decides
  // as ever.
  if (const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); file >= 0) {
    [[maybe_unused]] const ssize_t written = write(file, "1000", 4);
    close(file);
  }
  // It would hold all arrays, and the run would wait for it.
  rlimit core = {};
  if (getrlimit(RLIMIT_CORE, &core) == 0) {
    core.rlim_cur = 0;
    setrlimit(RLIMIT_CORE, &core);
  }
  // So that what Process printed before its end is seen. With a buffer of its own: printf of glibc
  // 2.41 goes on to fill the one that there is.
  static char buffer[BUFSIZ];
  setvbuf(stdout, buffer, _IOLBF, sizeof(buffer));
  on_exit(LeaveAtOnce, nullptr);
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

}  // namespace

// In memory that both processes share. A command is posted by counting `commands` up, and answered
// when `answers` is the same.
//
// Memory ordering: `commands` and `answers` are stored with release and loaded with acquire, or
// stronger: who sees the count sees the command, or the answer and all results. When waitpid tells
// of a child's end, all that it stored is there. Only the records are read while they are written,
// for the deadline; that is decided when the child has ended and they no longer change.
struct Sandbox::Board {
  // How far the child is: `done` chunks have results, of `bytes` in all, and `batch` more are being
  // processed since `begun_ns` (steady_clock). The child writes the record that is not the current
  // one, then makes it so. Thus a child that is killed at any point leaves a whole one.
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

  // Written by the parent. While no command is in work, so is the current record.
  alignas(kDoorbellStrideBytes) Doorbell to_child;
  std::atomic<std::uint32_t> commands;
  int job;
  ChunkId first;
  Index count;
  // Set around the sleep of the parent, which a file ends (bell_) and not a futex: only so can it
  // also be woken by the child's end.
  std::atomic<bool> parent_sleeps;
  // Written by the child.
  alignas(kDoorbellStrideBytes) std::atomic<std::uint32_t> answers;
  // The text is what lies behind the results.
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
        absl::StrCat("there is no job ", job, " among ", workers_.size()));
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
  // Up to here chunks are processed one at a time, because a child ended among them.
  Index suspected = 0;
  for (int vain_children = 0; result->done < count && result->status.ok();) {
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
      vain_children = 0;
    } else if (outcome.ended && ++vain_children == kMostVainChildren) {
      return absl::UnavailableError(absl::StrCat(
          "cannot isolate Process: ", kMostVainChildren,
          " child processes in a row ended before they began; the last ", outcome.cause));
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
        CallGuarded("taking over results", [&] { return Read(0, size_bytes, encoded); }));
    credible = AreResults(absl::string_view(*encoded).substr(before), outcome.done);
  }
  if (!credible) {
    // Process can write to that memory, and has.
    EndChild(&cause);
    encoded->resize(before);
    outcome = Outcome();
    outcome.ended = true;
    outcome.suspects = count;
    outcome.cause = "wrote over memory that is not its own";
  }
  // A child that ended may have left more there than it said.
  if ((outcome.ended || size_bytes > kAreaBytes + kKeptFileBytes) && ftruncate(file_, 0) != 0)
    return NoRoom("ftruncate");
  return outcome;
}

// Until the command is answered, or the child has ended.
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
        // In the last moment it may have come to an end by itself; and then it is not late.
        outcome->ended = !answered();
        outcome->overran =
            outcome->ended && begun && board_->current.load(std::memory_order_relaxed) == current;
        if (outcome->overran) {
          outcome->cause =
              absl::StrCat("took longer than ", std::chrono::duration<double>(deadline).count(),
                           " s and was ended");
        } else if (outcome->ended) {
          // What it had gone on to is not to blame.
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

// Until the command is answered, the child ends, or `at_most` has passed; at times without a
// reason.
void Sandbox::Sleep(std::uint32_t command, nanoseconds at_most) {
  // Sequentially consistent on both sides: either the child sees that we sleep, or we see its
  // answer (Dekker's pattern).
  board_->parent_sleeps.store(true, std::memory_order_seq_cst);
  if (board_->answers.load(std::memory_order_seq_cst) != command) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at_most);
    const timespec bound{static_cast<time_t>(seconds.count()),
                         static_cast<long>((at_most - seconds).count())};
    // A file number below 0 is passed over.
    pollfd files[] = {{bell_, POLLIN, 0}, {pidfd_, POLLIN, 0}};
    std::uint64_t rings = 0;
    if (ppoll(files, 2, &bound, nullptr) > 0 && files[0].revents != 0) {
      [[maybe_unused]] const ssize_t heard = read(bell_, &rings, sizeof(rings));
    }
  }
  board_->parent_sleeps.store(false, std::memory_order_relaxed);
}

// What the board says; false where that cannot be.
bool Sandbox::ReadOutcome(Index count, Outcome* outcome, std::size_t* size_bytes) const {
  const Board::Record& record =
      board_->records[board_->current.load(std::memory_order_acquire) % 2];
  outcome->done = record.done.load(std::memory_order_relaxed);
  const Index batch = record.batch.load(std::memory_order_relaxed);
  *size_bytes = record.bytes.load(std::memory_order_relaxed);
  // Whether so many bytes more can lie behind the results.
  const auto fits = [&](std::size_t more) {
    if (*size_bytes <= kAreaBytes && more <= kAreaBytes - *size_bytes) return true;
    struct stat file = {};
    if (fstat(file_, &file) != 0) return false;
    const std::size_t room = kAreaBytes + static_cast<std::size_t>(file.st_size);
    return *size_bytes <= room && more <= room - *size_bytes;
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
  if (!fits(text_bytes) || !CallGuarded("taking over a status", [&] {
                              return Read(*size_bytes, text_bytes, &text);
                            }).ok())
    return false;
  outcome->status = absl::Status(code, text);
  return true;
}

// Appends what lies at `position` of the results.
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
  if (file_ < 0) return NoRoom("memfd_create");
  if (bell_ < 0) bell_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (bell_ < 0) return NoRoom("eventfd");
  void* const memory = mmap(nullptr, kBoardBytes + kAreaBytes, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return NoRoom("mmap");
  board_ = static_cast<Board*>(memory);
  results_ = static_cast<char*>(memory) + kBoardBytes;
  return absl::OkStatus();
}

absl::Status Sandbox::Fork() {
  if (board_ == nullptr) MPAIO_RETURN_IF_ERROR(Map());
  new (board_) Board();
  cpu_set_t cores;
  spins_ = sched_getaffinity(0, sizeof(cores), &cores) == 0 && CPU_COUNT(&cores) > 1;
  // What is buffered would be printed by both.
  std::fflush(nullptr);
  std::cout.flush();
  // A signal that comes before the child has its own way with signals must not run the rank's.
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
  if (child < 0) return NoRoom("fork");
  child_ = child;
  // Closed on exec by itself.
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  forked_by_ = std::this_thread::get_id();
  return absl::OkStatus();
}

// Whether the child has ended, and how; with `options` = 0 when it has. Until then it keeps its
// number, so that no other process can have it.
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
                     : "ended; how is not known, because this process ignores SIGCHLD or collects "
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
    Obey(batches, encoded);
    std::fflush(stdout);
    std::cout.flush();
    board_->answers.store(answered + 1, std::memory_order_seq_cst);
    if (board_->parent_sleeps.load(std::memory_order_seq_cst)) {
      const std::uint64_t ring = 1;
      [[maybe_unused]] const ssize_t rung = write(bell_, &ring, sizeof(ring));
    }
  }
}

// `batches`: how many chunks of each job are processed together. `encoded`: room for results, kept
// from one command to the next.
void Sandbox::Obey(std::vector<Index>& batches, std::string& encoded) {
  const WorkerBase& worker = *workers_[static_cast<std::size_t>(board_->job)];
  Index& batch = batches[static_cast<std::size_t>(board_->job)];
  const ChunkId first = board_->first;
  const Index count = board_->count;
  bool each_alone = false;
  Index done = 0;
  std::size_t bytes = 0;
  absl::Status status;
  std::int64_t begun_ns = NowNs();
  while (done < count && status.ok()) {
    const Index together = each_alone ? 1 : std::min(batch, count - done);
    board_->Publish(done, bytes, together, begun_ns);
    encoded.clear();
    ChunksDone processed;
    absl::Status failure = CallGuarded("Process", [&]() -> absl::Status {
      processed = worker.ProcessChunks(first + done, together, &encoded);
      return Write(bytes, encoded);
    });
    if (!failure.ok()) {
      // It is of one of them; of which, is not known.
      if (together > 1) {
        each_alone = true;
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
    // What fits in the time at this pace; in floating point, as products may be large.
    const double pace = static_cast<double>(batch_time_.count()) /
                        static_cast<double>(std::max<std::int64_t>(now_ns - begun_ns, 1));
    batch = std::max<Index>(
        1, static_cast<Index>(static_cast<double>(together) * std::min(pace, kFastestGrowth)));
    begun_ns = now_ns;
  }
  if (encoded.capacity() > kKeptFileBytes) std::string().swap(encoded);
  // Where there is no room for the text, the code is what is told.
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
      return absl::ResourceExhaustedError(absl::StrCat("there is no room for a result of ",
                                                       bytes.size(), " bytes: ", strerror(errno),
                                                       "; use smaller chunks"));
    }
    written += static_cast<std::size_t>(more);
  }
  return absl::OkStatus();
}

}  // namespace mpaio
