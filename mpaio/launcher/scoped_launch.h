// SPDX-License-Identifier: Apache-2.0

// A launcher's environment for tests.
#ifndef MPAIO_LAUNCHER_SCOPED_LAUNCH_H_
#define MPAIO_LAUNCHER_SCOPED_LAUNCH_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mpaio/launcher/launcher.h"

namespace mpaio {

// Returns the launch of rank `rank` by mpirun -n `size`, on one host.
Launch Mpirun(int rank, int size);

// While it exists, ReadLaunch() returns `launch`. The destructor restores the previous environment.
// Not thread-safe. Objects must be destroyed in the reverse order of their creation.
class ScopedLaunch {
 public:
  explicit ScopedLaunch(const Launch& launch = {});
  ~ScopedLaunch();
  ScopedLaunch(const ScopedLaunch&) = delete;
  ScopedLaunch& operator=(const ScopedLaunch&) = delete;

 private:
  std::vector<std::pair<const char*, std::optional<std::string>>> before_;
};

}  // namespace mpaio

#endif  // MPAIO_LAUNCHER_SCOPED_LAUNCH_H_
