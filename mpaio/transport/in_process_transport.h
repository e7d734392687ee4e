// SPDX-License-Identifier: Apache-2.0

// Messages between threads of one process: for the thread pool, for tests of the orchestrator, and,
// with one rank, for a process alone.
#ifndef MPAIO_TRANSPORT_IN_PROCESS_TRANSPORT_H_
#define MPAIO_TRANSPORT_IN_PROCESS_TRANSPORT_H_

#include <memory>
#include <vector>

#include "mpaio/transport/transport.h"

namespace mpaio {

// Returns the ends of a new pool of `size` ranks, by rank; each may be used by a different thread.
// They share the queues, and may be destroyed in any order. Where rank 0 does not work, WakeOne
// does not wake it. Rank 0's Close closes all ends: its own Receive then returns Cancelled, that of
// the others does so where no message is left, and WaitForMessage returns at once. Memory ordering:
// everything before a Send happens before everything after the Receive that returns its message.
std::vector<std::unique_ptr<Transport>> MakeInProcessTransports(int size, bool rank_0_works = true);

}  // namespace mpaio

#endif  // MPAIO_TRANSPORT_IN_PROCESS_TRANSPORT_H_
