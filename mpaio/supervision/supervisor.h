// SPDX-License-Identifier: Apache-2.0

// A supervisor's life. Private to this package.
#ifndef MPAIO_SUPERVISION_SUPERVISOR_H_
#define MPAIO_SUPERVISION_SUPERVISOR_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>

namespace mpaio {

// What a rank says to its supervisor, besides the address of rank 0: that the connections which
// come with it are to stay open.
inline constexpr char kKeep = 'C';

// What a rank and its supervisor share.
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

// Waits for `child`, which is `rank`, and ends as it should be seen by mpirun; where it keeps
// connections of a child that was armed or has left, when rank 0 has ended. `from_child`: a socket,
// from which rank 0's address comes, and each set of connections that is to be kept, in place of
// the one before.
[[noreturn]] void SuperviseChild(pid_t child, int rank, SupervisedState* state, int from_child);

}  // namespace mpaio

#endif  // MPAIO_SUPERVISION_SUPERVISOR_H_
