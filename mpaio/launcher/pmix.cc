// SPDX-License-Identifier: Apache-2.0
#include "mpaio/launcher/pmix.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <utility>

#include "mpaio/launcher/launcher.h"

namespace mpaio {
namespace {

// All pointer arguments stay null, so the library's headers are not needed.
struct Pmix {
  using Init = int (*)(void* process, void* info, std::size_t count);
  using Finalize = int (*)(const void* info, std::size_t count);
  using Fence = int (*)(const void* processes, std::size_t num_processes, const void* info,
                        std::size_t count);
  Init init = nullptr;
  Finalize finalize = nullptr;
  Fence fence = nullptr;
};

const Pmix& Library() {
  static const Pmix pmix = [] {
    Pmix found;
    void* library = dlopen("libpmix.so.2", RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) library = dlopen("libpmix.so", RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) return found;
    found.init = reinterpret_cast<Pmix::Init>(dlsym(library, "PMIx_Init"));
    found.finalize = reinterpret_cast<Pmix::Finalize>(dlsym(library, "PMIx_Finalize"));
    found.fence = reinterpret_cast<Pmix::Fence>(dlsym(library, "PMIx_Fence"));
    return found;
  }();
  return pmix;
}

// True if the launcher itself started this process. A process that was started by the rank's script
// must not act for the rank: PMIx_Finalize would sign the rank off while the script continues.
bool IsChildOfLauncher() {
  std::ifstream file("/proc/" + std::to_string(getppid()) + "/comm");
  std::string name;
  std::getline(file, name);
  for (const char* const launcher : {"mpirun", "mpiexec", "orte", "prte", "prun"}) {
    if (name.compare(0, std::strlen(launcher), launcher) == 0) return true;
  }
  return false;
}

bool HasOtherRanks() {
  const Launch launch = ReadLaunch();
  return launch.has_pmix && launch.may_have_several_ranks();
}

}  // namespace

bool HasPmix() { return Library().init != nullptr && Library().finalize != nullptr; }

bool FinalizePmix(bool is_other_process) {
  if (!HasPmix()) return false;
  if (is_other_process && Library().init(nullptr, nullptr, 0) != 0) return false;
  return Library().finalize(nullptr, 0) == 0;
}

bool WaitUntilAllRanksStarted(std::chrono::milliseconds timeout) {
  if (!HasOtherRanks() || !IsChildOfLauncher() || !HasPmix() || Library().fence == nullptr)
    return true;
  std::promise<void> promise;
  std::future<void> done = promise.get_future();
  // Not every server honours a timeout of PMIx, so a thread makes the calls: it can be abandoned.
  std::thread([promise = std::move(promise)]() mutable {
    if (Library().init(nullptr, nullptr, 0) == 0) {
      // An empty list means all processes of the caller's namespace. If the fence fails, there is
      // nothing to wait for.
      Library().fence(nullptr, 0, nullptr, 0);
      Library().finalize(nullptr, 0);
    }
    promise.set_value();
  }).detach();
  return done.wait_for(timeout) == std::future_status::ready;
}

}  // namespace mpaio
