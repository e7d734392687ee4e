// SPDX-License-Identifier: Apache-2.0

// A pool whose ranks are threads that all run the same program, as under mpirun: for multi-rank
// tests without MPI, under the thread sanitizer. Programs use thread_pool.h.
#ifndef MPAIO_EXECUTOR_THREAD_RANKS_H_
#define MPAIO_EXECUTOR_THREAD_RANKS_H_

#include <functional>
#include <memory>
#include <string>

#include "mpaio/executor/executor.h"

namespace mpaio {

struct ThreadRanksOptions {
  bool orchestrator_works = false;
  // Ranks r with equal r % num_nodes form one node, with memory of its own. Limited to the number
  // of ranks.
  int num_nodes = 1;
  // Wraps each rank's transport, for instance MakeFaultyTransport; may be null.
  std::function<std::unique_ptr<Transport>(std::unique_ptr<Transport>)> wrap_transport;
};

// Runs `body` on `size` threads, each with the executor of its rank, and returns when all have
// finished. As under mpirun, every rank runs the same body.
void RunOnThreads(int size, const ThreadRanksOptions& options,
                  const std::function<void(Executor&)>& body);

// Marks the calling rank as lost. Its body must return without another call to the executor, and
// soon, because a thread cannot be killed. Precondition: the rank is not 0.
void Lose(Executor& executor, std::string cause);

}  // namespace mpaio

#endif  // MPAIO_EXECUTOR_THREAD_RANKS_H_
