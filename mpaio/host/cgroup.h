// SPDX-License-Identifier: Apache-2.0

// The limits of the control groups (cgroups) that this process is in.
#ifndef MPAIO_HOST_CGROUP_H_
#define MPAIO_HOST_CGROUP_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// A directory with the files of a control group.
struct Cgroup {
  std::string directory;
  bool is_version2 = false;

  friend bool operator==(const Cgroup&, const Cgroup&) = default;
};

// In the functions below, `root` is the directory that /proc and /sys are in: "" is the system's,
// and tests have others.

// Returns the groups whose `controller` ("memory", "cpu") limits this process: its own group and
// the ancestors of that, up to the root. If the controller belongs to a hierarchy of version 1,
// these are groups of that hierarchy, else of version 2. For version 1 there may be two directories
// of the same group, as the hierarchy may be mounted under the controller's name and under the
// names of all its controllers. A directory may be missing: in a container, only the part of the
// path below the container's own group exists.
std::vector<Cgroup> FindCgroups(absl::string_view controller, const std::string& root = "");

// Returns the bytes that the memory limits of all these groups leave to this process, counting
// memory that can be reclaimed as available; none if there is no limit. Files that cannot be read
// do not limit.
std::optional<Index> CgroupMemory(const std::string& root = "");

// Returns the most CPU time that these groups allow, in CPUs; none if there is no limit. Files that
// cannot be read do not limit.
std::optional<double> CgroupCpus(const std::string& root = "");

}  // namespace mpaio

#endif  // MPAIO_HOST_CGROUP_H_
