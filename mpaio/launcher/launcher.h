// SPDX-License-Identifier: Apache-2.0

// The launcher (mpirun, srun, mpiexec) that started this process, as the environment describes it.
#ifndef MPAIO_LAUNCHER_LAUNCHER_H_
#define MPAIO_LAUNCHER_LAUNCHER_H_

#include <optional>

namespace mpaio {

// The place of this process among the ranks that were started together; known before MPI has
// started. The default stands for a process without a launcher.
struct Launch {
  std::optional<int> rank = std::nullopt;  // none: there is no launcher
  // Number of ranks; none if the launcher does not say. May be set without a rank, in a shell that
  // a batch system has started: then it is the number of tasks beside that shell.
  std::optional<int> size = std::nullopt;
  // Among the ranks of this host. Only Open MPI says.
  std::optional<int> local_rank = std::nullopt;
  std::optional<int> local_size = std::nullopt;
  bool is_open_mpi = false;  // started by mpirun of Open MPI
  bool has_pmix = false;     // the launcher serves PMIx (pmix.h)

  // False for a single rank and without a launcher. True if the launcher does not say, because MPI
  // will.
  bool may_have_several_ranks() const;
  // False if the launcher does not say.
  bool are_all_on_one_node() const;

  friend bool operator==(const Launch&, const Launch&) = default;
};

// Reads the environment anew at each call. Thread-safe as long as no thread changes it.
Launch ReadLaunch();

// Returns ReadLaunch().are_all_on_one_node().
bool AllRanksOnOneNode();

}  // namespace mpaio

#endif  // MPAIO_LAUNCHER_LAUNCHER_H_
