// SPDX-License-Identifier: Apache-2.0

// Lets a rank die without ending the job, under a plain mpirun.
//
// mpirun ends a whole job when a process that it has started dies. So the process that it starts
// for a worker rank forks before MPI begins: the child becomes the rank, and the parent, its
// *supervisor*, only waits for it. When the child dies, the supervisor reports that to rank 0 over
// a socket (the *channel*), signs the rank off from mpirun through PMIx, as MPI_Finalize would have
// done, and ends with status 0: mpirun sees no error.
//
//   mpirun -- supervisor of rank 1 -- rank 1
//         \-- supervisor of rank 2 -- rank 2
//          \- rank 0 <--- channels ---/
//
//   A rank's phases:   starting --Arm--> armed --SignOff--> left
//   its death ends:    the job           nothing            nothing
//
// Rank 0 has no supervisor: its death ends the job, and so does the death of a supervisor, of
// mpirun's daemon on a host, or of rank 0's host. A host that does not answer for 15 s is treated
// as dead, with its ranks; mpirun detects that later, and ends the job then. Signals that mpirun
// sends to a rank go to its supervisor, which forwards them. If rank 0 is gone, the supervisors end
// their ranks.
//
// No rank calls MPI_Finalize at the end, because that call would wait for dead ranks: each rank
// signs itself off and exits.
//
// A connection between hosts that is closed at one end is fatal at the other one (Open MPI 5:
// "Socket closed", btl_tcp_endpoint.c and pml_ob1.c). So a rank's supervisor keeps the rank's
// connections open, even after the rank has ended, until rank 0 has made its last MPI call; rank 0
// waits for all others before that.
//
// There is no supervision (Get() is null), and a death ends the job, if a launcher other than
// mpirun has started the program, or libpmix is missing.
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
#include "mpaio/host/file_descriptor.h"
#include "mpaio/supervision/lost_rank.h"

namespace mpaio {

struct SupervisedState;

// One for each process. Used by the thread that calls MPI.
class Supervision {
 public:
  // Called first in main, before there are threads. Returns in the rank's process alone, which may
  // be a child of the caller.
  static void Start(int argc, char** argv);

  // Returns this process's supervision; null where there is none.
  static Supervision* Get();
  // Turns supervision off, for a job in which not all ranks have it. A death then ends the job.
  static void Disable();

  // On rank 0: returns the address to which supervisors connect. Errors: those of the system.
  absl::StatusOr<std::string> Listen(bool has_several_nodes);
  // On the other ranks: passes the address from Listen to the supervisor. Does not wait. Without
  // `has_several_nodes` no connections are kept.
  void Connect(absl::string_view address, bool has_several_nodes);

  // From now on the job survives this rank's death, and the rank's current connections to other
  // hosts stay open after it. Call it again when there may be new connections. Waits at most 5 s
  // until the supervisor has connected to rank 0. If it does not connect, the rank stays unarmed:
  // its death ends the job.
  void Arm();
  // Undoes Arm until Arm is called again. For calls in which the other ranks, including rank 0,
  // wait for this rank.
  void Disarm();
  bool is_armed() const;

  // On rank 0: returns the ranks lost since the last call. Costs a system call.
  std::vector<LostRank> PollLostRanks();
  // On rank 0: returns since when the rank's process has been stopped (SIGSTOP), as of the last
  // PollLostRanks; nothing if it is not stopped.
  std::optional<std::chrono::steady_clock::time_point> stopped_since(int rank) const;
  // On rank 0: makes the rank's supervisor kill the rank; PollLostRanks then reports its death. No
  // effect if its supervisor is not connected. If the rank is not armed, its death ends the job.
  void Kill(int rank);

  // Reports to mpirun that this rank has ended normally. No MPI call may follow. Where there are
  // several hosts, rank 0 first waits until the others have ended, for at most 2 s.
  void SignOff();

 private:
  // Rank 0's end of a channel.
  struct Channel {
    FileDescriptor fd = {};
    int rank = -1;  // -1 before Hello has arrived, and after the rank's death has been reported
    bool is_known = false;      // Hello has arrived
    std::string received = {};  // bytes of messages that are not complete yet
    std::optional<std::chrono::steady_clock::time_point> stopped_since = {};
  };

  Supervision(int rank, int size, SupervisedState* shared, int to_supervisor)
      : rank_(rank), size_(size), shared_(shared), to_supervisor_(to_supervisor) {}
  void Accept();
  void Read(Channel& channel, std::vector<LostRank>* lost_ranks);
  void KeepConnections();
  void AwaitEndOfOthers();

  int rank_, size_;          // in MPI_COMM_WORLD
  SupervisedState* shared_;  // shared with the supervisor; null on rank 0
  int to_supervisor_;        // a socket; -1 on rank 0
  bool has_signed_off_ = false;
  // On rank 0:
  std::string token_;
  std::vector<int> listeners_;
  std::vector<Channel> channels_;
  bool has_several_nodes_ = false;
  std::set<int> ended_;  // ranks
};

}  // namespace mpaio

#endif  // MPAIO_SUPERVISION_SUPERVISION_H_
