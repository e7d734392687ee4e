// SPDX-License-Identifier: Apache-2.0

// Starts and ends MPI in a process.
#ifndef MPAIO_MPI_ENVIRONMENT_H_
#define MPAIO_MPI_ENVIRONMENT_H_

#include <string>

#include "absl/status/status.h"
#include "mpaio/mpi/communicator.h"

namespace mpaio {

// Starts MPI when constructed and ends it when destroyed. Construct it first in `main`, and destroy
// it last.
//
// Before MPI starts, sets MpiSettings() (open_mpi.h), and a timer slack of 1 ns so that short
// sleeps are short.
//
// With only one rank (`mpirun -n 1`, or no launcher at all) MPI is not started: world() is null,
// which stands for this process alone. Start-up then takes well under a millisecond.
//
// Under mpirun a worker rank is a child of the process that mpirun has started, which is its
// supervisor (supervision.h), so that the job can survive the rank's death. Construct the
// environment before any thread is started, and before anything that must not be done twice. With
// supervision MPI_Finalize is not called, because it would wait for dead ranks: only rank 0 waits
// for the others, if there are several hosts, for at most 2 s.
//
// Construction is collective over the world; without supervision, so is destruction.
class Environment {
 public:
  Environment(int* argc, char*** argv);
  ~Environment() { Finalize().IgnoreError(); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  // Returns OK if MPI runs or is not needed; else why it could not be started. Check it before
  // world() is used. An error is local to this rank: the others may wait for this rank forever, and
  // only world().Abort() is left.
  const absl::Status& status() const { return status_; }
  const Communicator& world() const { return world_; }

  // Collective. Ends MPI. Precondition: everything made from world() has been freed. Idempotent.
  absl::Status Finalize();

 private:
  absl::Status status_;
  Communicator world_;
  bool started_ = false;
};

// Returns the version string of the MPI library that the program runs with: "Open MPI v4.1.4,
// package: ...". May be called before MPI has started.
std::string MpiLibraryVersion();

}  // namespace mpaio

#endif  // MPAIO_MPI_ENVIRONMENT_H_
