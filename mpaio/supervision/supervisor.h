// SPDX-License-Identifier: Apache-2.0

// The process that mpirun started for a worker rank; supervision.h explains why there is one. It
// reports the rank's stops and its end to rank 0, forwards signals to the rank, kills it when rank
// 0 says so, and keeps its connections open. Private to this package.
#ifndef MPAIO_SUPERVISION_SUPERVISOR_H_
#define MPAIO_SUPERVISION_SUPERVISOR_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>

namespace mpaio {

// A rank sends its supervisor two kinds of message: the address of rank 0, and this byte with the
// connections that are to stay open.
inline constexpr char kKeep = 'C';

// The state that a rank and its supervisor share.
struct SupervisedState {
  enum Phase : std::uint32_t {
    kStarting,  // a death ends the job
    kArmed,     // a death is survived
    kLeft,      // the rank has signed off
  };
  enum ChannelState : std::uint32_t { kNone, kOpen, kFailed };
  std::atomic<std::uint32_t> phase;
  std::atomic<std::uint32_t> channel;
};

// Waits for `child`, which is rank `rank`, and then ends with the status that mpirun should see. If
// it keeps connections of a child that was armed or has signed off, it ends only after rank 0 has
// ended. `from_child`: a socket on which rank 0's address arrives, and sets of connections to keep;
// each set replaces the one before.
[[noreturn]] void SuperviseChild(pid_t child, int rank, SupervisedState* state, int from_child);

}  // namespace mpaio

#endif  // MPAIO_SUPERVISION_SUPERVISOR_H_
