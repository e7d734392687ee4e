// SPDX-License-Identifier: Apache-2.0

// The child's side of a Sandbox: runs Process for the commands of the parent.
#ifndef MPAIO_WORKER_SANDBOX_CHILD_H_
#define MPAIO_WORKER_SANDBOX_CHILD_H_

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "mpaio/base/index.h"
#include "mpaio/worker/sandbox_channel.h"
#include "mpaio/worker/worker.h"

namespace mpaio {

class SandboxChild {
 public:
  // `batch_time`: about how long a batch of chunks takes. `spins`: false if both processes share a
  // core.
  SandboxChild(const std::vector<WorkerBase*>& workers, std::chrono::nanoseconds batch_time,
               bool spins, SandboxChannel* channel);

  // Executes commands until the process `parent` has ended, and then ends this process.
  [[noreturn]] void Run(pid_t parent);

 private:
  void ExecuteCommand();
  // Processes the chunks of the command, and appends their results in the channel. `*done` and
  // `*bytes` count the chunks and the size of their results.
  absl::Status ProcessChunks(Index* done, std::size_t* bytes);

  const std::vector<WorkerBase*>& workers_;
  const std::chrono::nanoseconds batch_time_;
  const bool spins_;
  SandboxChannel& channel_;
  // For each job the number of chunks to process together.
  std::vector<Index> batches_;
  // The time at which the current batch began, or the last one ended.
  std::int64_t begun_ns_ = 0;
  // A buffer for results, kept for the next command.
  std::string encoded_;
};

}  // namespace mpaio

#endif  // MPAIO_WORKER_SANDBOX_CHILD_H_
