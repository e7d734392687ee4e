// SPDX-License-Identifier: Apache-2.0

// The pool of an `mpirun`: its ranks, over MPI.
#ifndef MPAIO_EXECUTOR_MPI_EXECUTOR_H_
#define MPAIO_EXECUTOR_MPI_EXECUTOR_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "mpaio/executor/executor.h"
#include "mpaio/host/huge_pages.h"
#include "mpaio/mpi/communicator.h"
#include "mpaio/transport/mpi_transport.h"

namespace mpaio {

struct MpiExecutorOptions {
  // True if rank 0 also processes chunks. Unset: true if its node has no more ranks than cores.
  // With more, rank 0 would take a core from a worker, and each message would wait for rank 0.
  std::optional<bool> orchestrator_works;
  MpiTransportOptions transport;
  HugePages huge_pages = HugePages::kAuto;
  // True if each rank is to be bound to its part of the node's cores, where binding pays, the rank
  // is not bound yet (binding.h) and Open MPI has not been told not to bind. It stays bound.
  bool binds_ranks = true;
};

class MpiExecutor {
 public:
  // Collective over `world`. With one rank it returns MakeInlineExecutor(). The executor must be
  // closed or destroyed before MPI ends; either is collective over the world. Errors:
  // FailedPrecondition, the same on every rank, if huge pages are required and a node does not
  // provide them; otherwise MPI's error, on this rank alone: the others may wait for this rank
  // forever, and only world.Abort() is left.
  static absl::StatusOr<std::unique_ptr<Executor>> Create(const Communicator& world,
                                                          const MpiExecutorOptions& options = {});
};

}  // namespace mpaio

#endif  // MPAIO_EXECUTOR_MPI_EXECUTOR_H_
