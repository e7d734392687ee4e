#include "mpaio/mpi/environment.h"

#include <mpi.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include <cstring>

#include "absl/status/statusor.h"
#include "mpaio/mpi/error.h"

namespace mpaio {
namespace {

bool IsSet(const char* name) { return getenv(name) != nullptr; }

bool LaunchedWithSeveralRanks() {
  if (const char* size = getenv("OMPI_COMM_WORLD_SIZE")) return std::strcmp(size, "1") != 0;
  // Another launcher (a batch system through PMIx or PMI) does not say how many; MPI will.
  return IsSet("PMIX_RANK") || IsSet("PMI_RANK");
}

bool AllRanksOnOneNode() {
  const char* local = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
  const char* world = getenv("OMPI_COMM_WORLD_SIZE");
  return local != nullptr && world != nullptr && std::strcmp(local, world) == 0;
}

void SetUnlessSet(const char* name, const char* value) { setenv(name, value, /*overwrite=*/0); }

}  // namespace

Environment::Environment(int* argc, char*** argv) {
  prctl(PR_SET_TIMERSLACK, 1);
  if (!LaunchedWithSeveralRanks()) return;
  SetUnlessSet("OMPI_MCA_mpi_yield_when_idle", "1");
  // Open MPI 4, and 5.
  SetUnlessSet("OMPI_MCA_btl_vader_single_copy_mechanism", "none");
  SetUnlessSet("OMPI_MCA_smsc", "^cma");
  if (AllRanksOnOneNode()) {
    SetUnlessSet("OMPI_MCA_pml", "ob1");
    SetUnlessSet("OMPI_MCA_reachable", "^netlink");
#if OMPI_MAJOR_VERSION >= 5
    SetUnlessSet("OMPI_MCA_btl", "self,sm");
    SetUnlessSet("OMPI_MCA_osc", "sm,rdma");
#endif
  }

  int provided = MPI_THREAD_SINGLE;
  // Funneled: threads of ours (the CPU sampler) exist, but never call MPI.
  status_ = MpiStatus("MPI_Init_thread", MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided));
  if (!status_.ok()) return;
  started_ = true;
  absl::StatusOr<Communicator> world = Communicator::World();
  status_ = world.status();
  if (world.ok()) world_ = *std::move(world);
}

absl::Status Environment::Finalize() {
  if (!started_) return absl::OkStatus();
  started_ = false;
  world_ = Communicator();
  return MpiStatus("MPI_Finalize", MPI_Finalize());
}

}  // namespace mpaio
