// SPDX-License-Identifier: Apache-2.0

// That a rank may die and the job go on, under a plain mpirun.
//
// mpirun ends a whole job when a process that it has started dies. So the process that it starts
// for a worker rank forks before MPI begins: the child becomes the rank, and the parent, its
// *supervisor*, does nothing but wait for it. When the child dies, the supervisor tells rank 0 so
// by a socket (the *channel*), signs the rank off at mpirun by way of PMIx, as MPI_Finalize would
// have done, and ends with status 0: mpirun has nothing to complain of.
//
//   mpirun -- supervisor of rank 1 -- rank 1
//         \-- supervisor of rank 2 -- rank 2
//          \- rank 0 <--- channels ---/
//
//   A rank's phases:   starting --Arm--> armed --SignOff--> left
//   its death ends:    the job           nothing            nothing
//
// Rank 0 has no supervisor: its death ends the job, and so does that of a supervisor, of mpirun's
// daemon on a host, or of rank 0's host. A host that does not answer for 15 s is taken for dead
// with its ranks; mpirun finds that out later, and ends the job then. Signals that mpirun sends to
// a rank go to its supervisor, which passes them on. If rank 0 is gone the supervisors end their
// ranks.
//
// In the end nobody calls MPI_Finalize, which waits for the dead: each rank signs itself off and
// exits.
//
// A connection between hosts that is closed at one end is fatal at the other one (Open MPI 5:
// "Socket closed", btl_tcp_endpoint.c and pml_ob1.c). So a rank's supervisor holds the rank's
// connections open, whatever becomes of the rank, until rank 0 has done with MPI, which waits for
// all others.
//
// Where another launcher has started the program, or libpmix is missing, there is no supervision
// (Get() is null), and a death ends the job.
#ifndef MPAIO_SUPERVISION_SUPERVISION_H_
#define MPAIO_SUPERVISION_SUPERVISION_H_

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mpaio/supervision/lost_rank.h"

namespace mpaio {

struct SupervisedState;

// One for each process. Used by the thread that calls MPI.
class Supervision {
 public:
  // The first thing in main, before there are threads. Returns in the rank's process alone, which
  // may be a child of the caller.
  static void Start(int argc, char** argv);

  // This process's; null where there is none.
  static Supervision* Get();
  // Does without, where not all ranks have it: a death ends the job.
  static void Disable();

  // On rank 0: where supervisors are to call. Errors: what the system says.
  absl::StatusOr<std::string> Listen(bool has_several_nodes);
  // On the others: tells their supervisor what Listen gave. Does not wait. Where there are not
  // several nodes no connections are kept.
  void Connect(absl::string_view address, bool has_several_nodes);

  // From here on this rank's death is survived, and the connections to other hosts that it has now
  // stay open. To be called again where there may be more of these. Waits, 5 s at most, until the
  // supervisor has reached rank 0; where it does not, the rank stays unarmed: its death ends the
  // job.
  void Arm();
  // From here on it is not, until Arm is called again: for calls in which others wait for this
  // rank, and rank 0 with them.
  void Disarm();
  bool is_armed() const;

  // On rank 0: the lost_ranks since the last call. Costs a system call.
  std::vector<LostRank> PollLostRanks();
  // On rank 0: since when that rank's process has been stopped (SIGSTOP), as far as PollLostRanks
  // has seen; nothing if it is not.
  std::optional<std::chrono::steady_clock::time_point> stopped_since(int rank) const;
  // On rank 0: ends that rank's process, if it is armed; its death is told by PollLostRanks.
  void Kill(int rank);

  // Tells mpirun that this rank has come to its end in order. No MPI call may follow. Where there
  // are several hosts rank 0 waits until the others have ended, but not longer than 2 s.
  void SignOff();

 private:
  // Rank 0's end of a channel.
  struct Channel {
    int fd = -1;
    int rank = -1;           // until it has said which, and after its last words
    bool is_known = false;   // it has said which
    std::string heard = {};  // of what is not yet complete
    std::optional<std::chrono::steady_clock::time_point> stopped_since = {};
  };

  Supervision(int rank, int size, SupervisedState* shared, int to_supervisor)
      : rank_(rank), size_(size), shared_(shared), to_supervisor_(to_supervisor) {}
  void Accept();
  void Read(Channel& channel, std::vector<LostRank>* lost_ranks);
  void KeepConnections();
  void AwaitEndOfOthers();

  int rank_, size_;          // of the world
  SupervisedState* shared_;  // with the supervisor; null on rank 0
  int to_supervisor_;        // a socket; -1 on rank 0
  bool has_left_ = false;
  // On rank 0:
  std::string token_;
  std::vector<int> listeners_;
  std::vector<Channel> channels_;
  bool has_several_nodes_ = false;
  std::set<int> ended_;  // ranks
};

}  // namespace mpaio

#endif  // MPAIO_SUPERVISION_SUPERVISION_H_
