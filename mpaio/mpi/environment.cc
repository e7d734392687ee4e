// SPDX-License-Identifier: Apache-2.0
#include "mpaio/mpi/environment.h"

#include <mpi.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include <cstring>
#include <string>

#include "absl/status/statusor.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/mpi/error.h"
#include "mpaio/supervision/supervision.h"

namespace mpaio {
namespace {

bool IsSet(const char* name) { return getenv(name) != nullptr; }

bool LaunchedWithSeveralRanks() {
  if (const char* size = getenv("OMPI_COMM_WORLD_SIZE")) return std::strcmp(size, "1") != 0;
  // Another launcher (a batch system with PMIx or PMI) does not set the size; MPI will report it.
  return IsSet("PMIX_RANK") || IsSet("PMI_RANK");
}

bool AllRanksOnOneNode() {
  const char* local = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
  const char* world = getenv("OMPI_COMM_WORLD_SIZE");
  return local != nullptr && world != nullptr && std::strcmp(local, world) == 0;
}

void SetUnlessSet(const char* name, const char* value) { setenv(name, value, /*overwrite=*/0); }

// Collective. Passes rank 0's address to the supervisors. Where one rank has no supervision, all
// turn it off.
absl::Status OpenChannels(const Communicator& world) {
  Supervision* const supervision = Supervision::Get();
  const bool has_several_nodes = !AllRanksOnOneNode();
  std::string address;
  if (supervision != nullptr && world.rank() == 0) {
    const absl::StatusOr<std::string> listening = supervision->Listen(has_several_nodes);
    if (listening.ok()) address = *listening;
  }
  MPAIO_RETURN_IF_ERROR(world.Broadcast(0, &address));
  MPAIO_ASSIGN_OR_RETURN(const Index all_have_one,
                         world.Minimum(supervision != nullptr && !address.empty() ? 1 : 0));
  if (all_have_one == 0) {
    Supervision::Disable();
  } else if (world.rank() != 0) {
    supervision->Connect(address, has_several_nodes);
  }
  return absl::OkStatus();
}

}  // namespace

Environment::Environment(int* argc, char*** argv) {
  prctl(PR_SET_TIMERSLACK, 1);
  if (!LaunchedWithSeveralRanks()) return;
  Supervision::Start(argc == nullptr ? 0 : *argc, argv == nullptr ? nullptr : *argv);
  SetUnlessSet("OMPI_MCA_mpi_yield_when_idle", "1");
  // The first is for Open MPI 4, the second for 5.
  SetUnlessSet("OMPI_MCA_btl_vader_single_copy_mechanism", "none");
  SetUnlessSet("OMPI_MCA_smsc", "^cma");
  // To test whether it works, this component makes a file in /dev/shm, which stays if the process
  // is killed at that moment; mmap, which is preferred, does not.
  SetUnlessSet("OMPI_MCA_shmem", "^posix");
  if (AllRanksOnOneNode()) {
    SetUnlessSet("OMPI_MCA_pml", "ob1");
    SetUnlessSet("OMPI_MCA_reachable", "^netlink");
#if OMPI_MAJOR_VERSION >= 5
    SetUnlessSet("OMPI_MCA_btl", "self,sm");
    SetUnlessSet("OMPI_MCA_osc", "sm,rdma");
#endif
  }

  int provided = MPI_THREAD_SINGLE;
  // Funneled: mpaio has other threads (the CPU sampler), but they never call MPI.
  status_ =
      MpiStatus("MPI_Init_thread", MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided));
  if (!status_.ok()) return;
  started_ = true;
  absl::StatusOr<Communicator> world = Communicator::World();
  status_ = world.status();
  if (!world.ok()) return;
  world_ = *std::move(world);
  status_ = OpenChannels(world_);
}

absl::Status Environment::Finalize() {
  if (!started_) return absl::OkStatus();
  started_ = false;
  world_ = Communicator();
  if (Supervision* const supervision = Supervision::Get()) {
    supervision->SignOff();
    return absl::OkStatus();
  }
  return MpiStatus("MPI_Finalize", MPI_Finalize());
}

std::string MpiLibraryVersion() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  if (MPI_Get_library_version(text, &length) != MPI_SUCCESS) return "";
  return std::string(text, static_cast<std::size_t>(length));
}

}  // namespace mpaio
