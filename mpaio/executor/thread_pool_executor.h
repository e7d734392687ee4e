// SPDX-License-Identifier: Apache-2.0

// A pool whose ranks are threads of this process: for tests of what runs on several ranks, without
// MPI and under the thread sanitizer.
#ifndef MPAIO_EXECUTOR_THREAD_POOL_EXECUTOR_H_
#define MPAIO_EXECUTOR_THREAD_POOL_EXECUTOR_H_

#include <functional>
#include <memory>
#include <string>

#include "mpaio/executor/executor.h"

namespace mpaio {

struct ThreadPoolOptions {
  bool orchestrator_works = false;
  // Ranks r with r % num_nodes equal are one node, with memory of its own. Not more nodes than
  // ranks are made.
  int num_nodes = 1;
  // What stands between each rank and its transport, such as MakeFaultyTransport; may be null.
  std::function<std::unique_ptr<Transport>(std::unique_ptr<Transport>)> wrap_transport;
};

// Runs `body` on `size` threads, each with the executor of its rank, and returns when all have
// ended. As under mpirun, every rank runs the same body.
void RunOnThreads(int size, const ThreadPoolOptions& options,
                  const std::function<void(Executor&)>& body);

// The calling rank, which is not rank 0, is lost from here on: its body returns without another
// call. (A thread cannot be killed; so what it does on its way out must be little.)
void Lose(Executor& executor, std::string cause);

}  // namespace mpaio

#endif  // MPAIO_EXECUTOR_THREAD_POOL_EXECUTOR_H_
