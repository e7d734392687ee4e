// SPDX-License-Identifier: Apache-2.0

// The pool of an `mpirun`: its ranks, over MPI.
#ifndef MPAIO_EXECUTOR_MPI_EXECUTOR_H_
#define MPAIO_EXECUTOR_MPI_EXECUTOR_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "mpaio/executor/executor.h"
#include "mpaio/executor/huge_pages.h"
#include "mpaio/mpi/communicator.h"
#include "mpaio/transport/mpi_transport.h"

namespace mpaio {

struct MpiExecutorOptions {
  // Whether rank 0 processes chunks too. Unset: yes where the ranks of its node are not more than
  // its cores; else it would take a core from a worker, and each message would wait for it.
  std::optional<bool> orchestrator_works;
  MpiTransportOptions transport;
  HugePages huge_pages = HugePages::kAuto;
  // Whether each rank is bound to its part of the node's cores, where that pays and nobody has
  // bound it (binding.h). It stays bound.
  bool binds_ranks = true;
};

class MpiExecutor {
 public:
  // Collective over `world`. With one rank it falls back to MakeInlineExecutor(). The executor must
  // be closed or destroyed before MPI ends; either is collective over the world. Errors:
  // FailedPrecondition, the same on every rank, where huge pages are asked for that a node does not
  // give; else what MPI says, on this rank alone: the others may wait for it for ever, and
  // world.Abort() is what is left.
  static absl::StatusOr<std::unique_ptr<Executor>> Create(const Communicator& world,
                                                          const MpiExecutorOptions& options = {});
};

}  // namespace mpaio

#endif  // MPAIO_EXECUTOR_MPI_EXECUTOR_H_
