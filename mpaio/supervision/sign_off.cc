#include "mpaio/supervision/sign_off.h"

#include <dlfcn.h>

#include <cstddef>

namespace mpaio {
namespace {

// The two functions, of which the arguments stay null: so the library's headers are not needed.
struct Pmix {
  using Init = int (*)(void* process, void* info, std::size_t count);
  using Finalize = int (*)(const void* info, std::size_t count);
  Init init = nullptr;
  Finalize finalize = nullptr;
};

const Pmix& Library() {
  static const Pmix pmix = [] {
    Pmix found;
    void* library = dlopen("libpmix.so.2", RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) library = dlopen("libpmix.so", RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) return found;
    found.init = reinterpret_cast<Pmix::Init>(dlsym(library, "PMIx_Init"));
    found.finalize = reinterpret_cast<Pmix::Finalize>(dlsym(library, "PMIx_Finalize"));
    return found;
  }();
  return pmix;
}

}  // namespace

bool CanSignOff() { return Library().init != nullptr && Library().finalize != nullptr; }

bool SignOffFromLauncher(bool is_other_process) {
  if (!CanSignOff()) return false;
  if (is_other_process && Library().init(nullptr, nullptr, 0) != 0) return false;
  return Library().finalize(nullptr, 0) == 0;
}

}  // namespace mpaio
