// SPDX-License-Identifier: Apache-2.0

// Process in a process of its own, so that what kills it does not kill the rank: a stray pointer,
// abort(), exit(), memory without end, a hang.
//
//   Sandbox sandbox({&sum_worker, &word_worker}, {.chunk_deadline = std::chrono::seconds(5)});
//   absl::StatusOr<SandboxDone> done = sandbox.ProcessChunks(job, first, count, &encoded);
//   if (done.ok() && done->crash.has_value()) ...
//   // Chunks [first, done->crash->chunk) are done; go on after that chunk, or retry it.
//
// The process is a fork of this one: it has the workers as they were then, and what is mapped as
// shared memory is the same memory, so that inputs are read and outputs are written where they are.
// It lives until something kills it or the Sandbox is destroyed; after a crash the next call forks
// another, which begins with what this process has by then. What Process keeps in memory of its own
// stays in the child, and ends with it.
//
// Cost: a fork (about 0.3 ms) per child, some microseconds per call, and per chunk next to nothing:
// chunks that take less than `batch_time` are processed several at a time.
#ifndef MPAIO_WORKER_SANDBOX_H_
#define MPAIO_WORKER_SANDBOX_H_

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/base/index.h"
#include "mpaio/worker/chunk_crash.h"
#include "mpaio/worker/worker.h"

namespace mpaio {

// How far several chunks came: `done` of them are, with their results. Then: all are; or `status`
// is what the next one returned or threw; or `crash` is what became of the next one.
struct SandboxDone {
  Index done = 0;
  absl::Status status;
  std::optional<ChunkCrash> crash;
};

struct SandboxOptions {
  // How long one chunk may take on the clock, with the handing over of its result; more than 0.
  // Default: as long as it likes, and then a child that hangs, or is stopped (SIGSTOP), is waited
  // for without end.
  std::optional<std::chrono::nanoseconds> chunk_deadline;
  // Chunks are processed together while they take about this long; at most a quarter of the
  // deadline. 0: each on its own.
  std::chrono::nanoseconds batch_time = std::chrono::microseconds(20);
  // Not null: called about every 5 ms while a call waits for the child, by the thread that waits;
  // where it says true the child is ended, and the call with it. It must not call the Sandbox.
  std::function<bool()> is_over = {};
};

// Calls come from one thread at a time; a call from another thread than the one before begins with
// a new child, because the child ends with the thread that forked it. The child has that thread
// alone. It must not call MPI. It ignores SIGINT, SIGTERM and whatever else the process handles (a
// signal to the whole group leaves the end of the run to the ranks), is the first that the system
// kills where memory runs out, and dumps no core. What Process prints goes where this process
// prints, line by line. A fault is a death there, whoever handles it here; exit() ends it at once.
//
// Whom it blames: a chunk is named only if the child ended while it processed that chunk alone.
// Where a child ends among several chunks, they are processed again, one at a time, by another; if
// nothing happens then, all is well. (Process is a pure function: running it again is allowed.)
//
// Memory ordering: what the child stored to shared memory in chunks that are reported as done is
// visible to the caller when ProcessChunks returns; what the caller stored there before the call is
// visible to Process.
class Sandbox {
 public:
  // Forks nothing yet. The workers must outlive the Sandbox; `job` counts them.
  Sandbox(std::vector<WorkerBase*> workers, const SandboxOptions& options);
  // Ends the child, in whatever it is, and waits for that.
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  // Processes chunks [first, first + count) of a job until one fails, and appends the results of
  // those that did not, as WorkerBase::ProcessChunks does. Results may be of any length; beyond 1
  // MiB they come through an anonymous file in memory.
  //
  // Errors, which leave `*encoded` as it was and no child behind that is at work:
  //   InvalidArgument: there is no such job.
  //   ResourceExhausted: the system gives no process, no memory or no file descriptor.
  //   Unavailable: several children in a row ended before they began a chunk.
  //   Internal: a result could not be read.
  //   Cancelled: SandboxOptions::is_over said so.
  absl::StatusOr<SandboxDone> ProcessChunks(int job, ChunkId first, Index count,
                                            std::string* encoded);

 private:
  struct Board;
  // What became of a command: `done` chunks are appended. If `ended`, the child ended in the
  // `suspects` chunks behind them.
  struct Outcome {
    Index done = 0;
    absl::Status status;
    bool ended = false;
    bool overran = false;
    bool cancelled = false;
    Index suspects = 0;
    std::string cause;
  };

  // In this process.
  absl::Status ProcessAll(int job, ChunkId first, Index count, std::string* encoded,
                          SandboxDone* result);
  absl::StatusOr<Outcome> Command(int job, ChunkId first, Index count, std::string* encoded);
  void Await(std::uint32_t command, Outcome* outcome);
  void Sleep(std::uint32_t command, std::chrono::nanoseconds at_most);
  bool ReadOutcome(Index count, Outcome* outcome, std::size_t* size_bytes) const;
  absl::Status Read(std::size_t position, std::size_t size_bytes, std::string* out) const;
  absl::Status Map();
  absl::Status Fork();
  bool Reap(int options, std::string* cause);
  void EndChild(std::string* cause);

  // In the child.
  [[noreturn]] void RunWorkerLoop(pid_t parent);
  void Obey(std::vector<Index>& batches, std::string& encoded);
  absl::Status Write(std::size_t position, const std::string& bytes);

  const std::vector<WorkerBase*> workers_;
  const SandboxOptions options_;
  const std::chrono::nanoseconds batch_time_;
  Board* board_ = nullptr;
  // The first results lie behind the board; the others in the file.
  char* results_ = nullptr;
  int file_ = -1;
  // An eventfd that the child rings.
  int bell_ = -1;
  pid_t child_ = 0;
  // Readable when the child has ended; -1 where the system has no such thing.
  int pidfd_ = -1;
  std::thread::id forked_by_;
  bool spins_ = false;
};

}  // namespace mpaio

#endif  // MPAIO_WORKER_SANDBOX_H_
