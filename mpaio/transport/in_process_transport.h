// SPDX-License-Identifier: Apache-2.0

// Messages between threads of one process: what tests of the orchestrator and the thread sanitizer
// run on, and, with one rank, what a process alone uses.
#ifndef MPAIO_TRANSPORT_IN_PROCESS_TRANSPORT_H_
#define MPAIO_TRANSPORT_IN_PROCESS_TRANSPORT_H_

#include <memory>
#include <vector>

#include "mpaio/transport/transport.h"

namespace mpaio {

// The ends of a new pool of `size` ranks, by rank; each may be used by another thread. They share
// the queues, and may be destroyed in any order. Memory ordering: what a thread did before Send
// happens before what another does after the Receive that returns that message.
std::vector<std::unique_ptr<Transport>> MakeInProcessTransports(int size);

}  // namespace mpaio

#endif  // MPAIO_TRANSPORT_IN_PROCESS_TRANSPORT_H_
