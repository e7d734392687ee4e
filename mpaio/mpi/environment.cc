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

// Collective. Tells the supervisors where rank 0 listens. If one rank has no supervision, all ranks
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

constexpr MpiSetting kMpiSettings[] = {
    {"OMPI_MCA_mpi_yield_when_idle", "1", MpiSetting::kAlways, 0,
     "ranks that wait inside MPI give up their core; without it, more ranks than cores wait for "
     "milliseconds"},
    {"OMPI_MCA_btl_vader_single_copy_mechanism", "none", MpiSetting::kAlways, 0,
     "no ptrace-like calls, which containers forbid (Open MPI 4); no slower"},
    {"OMPI_MCA_smsc", "^cma", MpiSetting::kAlways, 0, "the same for Open MPI 5 and later"},
    {"OMPI_MCA_shmem", "^posix", MpiSetting::kAlways, 0,
     "its probe makes a file in /dev/shm, which stays if the process is killed meanwhile; mmap is "
     "preferred anyway"},
    {"OMPI_MCA_pml", "ob1", MpiSetting::kOnOneNode, 0,
     "no probing of fabrics, which is two thirds of the start"},
    {"OMPI_MCA_reachable", "^netlink", MpiSetting::kOnOneNode, 0,
     "Open MPI 5 complains of the kernel's answers about its own IPv6 address"},
    {"OMPI_MCA_btl", "self,sm", MpiSetting::kOnOneNode, 5, "no probing of fabrics"},
    {"OMPI_MCA_osc", "sm,rdma", MpiSetting::kOnOneNode, 5, "no probing of fabrics"},
};

}  // namespace

bool AllRanksOnOneNode() {
  if (!LaunchedWithSeveralRanks()) return true;
  const char* local = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
  const char* world = getenv("OMPI_COMM_WORLD_SIZE");
  return local != nullptr && world != nullptr && std::strcmp(local, world) == 0;
}

std::span<const MpiSetting> MpiSettings() { return kMpiSettings; }

Environment::Environment(int* argc, char*** argv) {
  prctl(PR_SET_TIMERSLACK, 1);
  if (!LaunchedWithSeveralRanks()) return;
  Supervision::Start(argc == nullptr ? 0 : *argc, argv == nullptr ? nullptr : *argv);
  for (const MpiSetting& setting : MpiSettings()) {
    if (setting.when == MpiSetting::kOnOneNode && !AllRanksOnOneNode()) continue;
    if (OMPI_MAJOR_VERSION < setting.least_major_version) continue;
    setenv(setting.name, setting.value, /*overwrite=*/0);
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
