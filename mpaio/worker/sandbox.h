// SPDX-License-Identifier: Apache-2.0

// Runs Process in a child process, so that a crash does not kill the rank: a stray pointer,
// abort(), exit(), unbounded memory use, a hang.
//
//   Sandbox sandbox({&sum_worker, &word_worker}, {.chunk_deadline = std::chrono::seconds(5)});
//   absl::StatusOr<SandboxDone> done = sandbox.ProcessChunks(job, first, count, &encoded);
//   if (done.ok() && done->crash.has_value()) ...
//   // Chunks [first, done->crash->chunk) are done; continue after that chunk, or retry it.
//
// The child is a fork of this process: it has the workers as they were at the fork, and shares the
// memory that is mapped as shared, so inputs are read and outputs are written in place. It lives
// until something kills it or the Sandbox is destroyed. After a crash the next call forks a new
// child, which starts from the current state of this process. Changes that Process makes to other
// memory are not seen by this process, and are lost when the child ends.
//
// Cost: a fork (about 0.3 ms) per child, a few microseconds per call, and almost nothing per chunk:
// chunks that take less than `batch_time` are processed several at a time.
#ifndef MPAIO_WORKER_SANDBOX_H_
#define MPAIO_WORKER_SANDBOX_H_

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
#include "mpaio/worker/forked_child.h"
#include "mpaio/worker/sandbox_channel.h"
#include "mpaio/worker/worker.h"

namespace mpaio {

// The progress over several chunks: the first `done` chunks are done, with their results. Then
// either all are done, or `status` is the error of the next one, or `crash` describes how the next
// one ended its process.
struct SandboxDone {
  Index done = 0;
  absl::Status status;
  std::optional<ChunkCrash> crash;
};

struct SandboxOptions {
  // The wall-clock time that one chunk may take, including the transfer of its result; greater than
  // 0. Default: unlimited; a child that hangs or is stopped (SIGSTOP) is then waited for without
  // end.
  std::optional<std::chrono::nanoseconds> chunk_deadline;
  // The child processes chunks in batches that take about this long, limited to a quarter of
  // chunk_deadline. 0: one chunk per batch.
  std::chrono::nanoseconds batch_time = std::chrono::microseconds(20);
  // If not null: called about every 5 ms while ProcessChunks waits for the child, on the waiting
  // thread. If it returns true, the child is killed and the call returns Cancelled. It must not
  // call the Sandbox.
  std::function<bool()> is_over = {};
};

// Call it from one thread at a time. A call from a different thread than the previous call starts a
// new child, because a child ends with the thread that forked it. The child has only one thread.
//
// The child:
//   - must not call MPI;
//   - ignores SIGINT, SIGTERM and every other signal that this process handles: when the whole
//     process group gets a signal, the ranks decide how the run ends;
//   - is the first process that the system kills if memory runs out;
//   - writes no core file;
//   - prints the output of Process where this process prints, line by line;
//   - dies of a fault even if this process handles the signal, except a fault that loads an input
//     on demand;
//   - ends immediately when it calls exit().
//
// A chunk is blamed for a crash only if the child ended while it processed that chunk alone. If a
// child ends while it processes several chunks, another child processes them again, one at a time,
// as Process is a pure function; if none of them crashes then, no chunk is blamed.
//
// Memory ordering: stores of the child to shared memory in chunks reported as done are visible to
// the caller when ProcessChunks returns; stores of the caller before the call are visible to
// Process.
class Sandbox {
 public:
  // Forks nothing yet. The workers must outlive the Sandbox; `job` is an index into `workers`.
  Sandbox(std::vector<WorkerBase*> workers, const SandboxOptions& options);
  // Kills the child, whatever it is doing, and waits for its end.
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  // Processes chunks [first, first + count) of a job until one fails, and appends the results of
  // those before it, as WorkerBase::ProcessChunks does. Results may have any length; beyond 1 MiB
  // they are transferred through an anonymous file in memory.
  //
  // Errors, after which `*encoded` is unchanged and no child is still working:
  //   InvalidArgument: there is no such job.
  //   ResourceExhausted: the system refused a process, memory or a file descriptor.
  //   Unavailable: several children in a row ended before they began a chunk.
  //   Internal: a result could not be read.
  //   Cancelled: SandboxOptions::is_over returned true.
  absl::StatusOr<SandboxDone> ProcessChunks(int job, ChunkId first, Index count,
                                            std::string* encoded);

 private:
  // The outcome of a command: the results of `done` chunks were appended. If `ended`, the child
  // ended while it processed the next `suspects` chunks.
  struct Outcome {
    Index done = 0;
    absl::Status status;
    bool ended = false;
    bool overran = false;
    bool cancelled = false;
    Index suspects = 0;
    std::string cause;
  };

  absl::Status ProcessAll(int job, ChunkId first, Index count, std::string* encoded,
                          SandboxDone* result);
  absl::StatusOr<Outcome> Command(int job, ChunkId first, Index count, std::string* encoded);
  bool IsAnswered(std::uint32_t command) const;
  void Await(std::uint32_t command, Outcome* outcome);
  bool EndIfOverdue(std::uint32_t command, std::chrono::nanoseconds* sleep, Outcome* outcome);
  bool ReadOutcome(Index count, Outcome* outcome, std::size_t* size_bytes) const;
  absl::Status StartChild();

  const std::vector<WorkerBase*> workers_;
  const SandboxOptions options_;
  const std::chrono::nanoseconds batch_time_;
  SandboxChannel channel_;
  ForkedChild child_;
  std::thread::id forked_by_;
  bool spins_ = false;
};

}  // namespace mpaio

#endif  // MPAIO_WORKER_SANDBOX_H_
