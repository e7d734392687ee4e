// SPDX-License-Identifier: Apache-2.0
#include "mpaio/launcher/scoped_launch.h"

#include <stdlib.h>

#include "mpaio/launcher/launch_variables.h"

namespace mpaio {

Launch Mpirun(int rank, int size) {
  return {.rank = rank,
          .size = size,
          .local_rank = rank,
          .local_size = size,
          .is_open_mpi = true,
          .has_pmix = true};
}

ScopedLaunch::ScopedLaunch(const Launch& launch) {
  for (const char* name : {kOpenMpiRank, kOpenMpiSize, kOpenMpiLocalRank, kOpenMpiLocalSize,
                           kPmixRank, kPmiRank, kPmiSize, kSlurmSize}) {
    const char* const value = getenv(name);
    before_.emplace_back(name, value != nullptr ? std::optional<std::string>(value) : std::nullopt);
    unsetenv(name);
  }
  const auto set = [](const char* name, const std::optional<int>& value) {
    if (value.has_value()) setenv(name, std::to_string(*value).c_str(), 1);
  };
  if (launch.has_pmix) set(kPmixRank, launch.rank);
  if (!launch.has_pmix && !launch.is_open_mpi) set(kPmiRank, launch.rank);
  if (launch.is_open_mpi) set(kOpenMpiRank, launch.rank);
  set(launch.is_open_mpi ? kOpenMpiSize : kPmiSize, launch.size);
  set(kOpenMpiLocalRank, launch.local_rank);
  set(kOpenMpiLocalSize, launch.local_size);
}

ScopedLaunch::~ScopedLaunch() {
  for (const auto& [name, value] : before_) {
    if (value.has_value()) {
      setenv(name, value->c_str(), 1);
    } else {
      unsetenv(name);
    }
  }
}

}  // namespace mpaio
