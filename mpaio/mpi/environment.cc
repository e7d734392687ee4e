// SPDX-License-Identifier: Apache-2.0
#include "mpaio/mpi/environment.h"

#include <mpi.h>
#include <sys/prctl.h>

#include <string>

#include "absl/status/statusor.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/launcher/launcher.h"
#include "mpaio/launcher/open_mpi.h"
#include "mpaio/mpi/error.h"
#include "mpaio/supervision/supervision.h"

namespace mpaio {
namespace {

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

}  // namespace

Environment::Environment(int* argc, char*** argv) {
  prctl(PR_SET_TIMERSLACK, 1);
  const Launch launch = ReadLaunch();
  if (!launch.may_have_several_ranks()) return;
  Supervision::Start(argc == nullptr ? 0 : *argc, argv == nullptr ? nullptr : *argv);
  ApplyMpiSettings(OMPI_MAJOR_VERSION, launch.are_all_on_one_node());

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
