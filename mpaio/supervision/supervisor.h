// A supervisor's life. Private to this package.
#ifndef MPAIO_SUPERVISION_SUPERVISOR_H_
#define MPAIO_SUPERVISION_SUPERVISOR_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>

namespace mpaio {

// What a rank and its supervisor share.
struct SupervisedState {
  enum Phase : std::uint32_t {
    kStarting,  // a death ends the job
    kArmed,     // a death is survived
    kLeft,      // the rank has signed off
  };
  enum LineState : std::uint32_t { kNone, kOpen, kFailed };
  std::atomic<std::uint32_t> phase;
  std::atomic<std::uint32_t> line;
};

// Waits for `child`, which is `rank`, and ends as it should be seen by mpirun. `from_child`: a socket, from which rank 0's address comes.
[[noreturn]] void SuperviseChild(pid_t child, int rank, SupervisedState* state, int from_child);

}  // namespace mpaio

#endif  // MPAIO_SUPERVISION_SUPERVISOR_H_
