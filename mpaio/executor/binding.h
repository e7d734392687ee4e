// SPDX-License-Identifier: Apache-2.0

// Ranks bound to cores, so that the memory that a rank touches first stays near it.
#ifndef MPAIO_EXECUTOR_BINDING_H_
#define MPAIO_EXECUTOR_BINDING_H_

#include <hwloc.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace mpaio {

// CPUs are the system's numbers of logical processors, ascending. A core has one or several.

// The CPUs that the calling thread may run on.
absl::StatusOr<std::vector<int>> Affinity();

// Whether somebody has told Open MPI not to bind (`mpirun --bind-to none`), which is a choice, too:
// of which several jobs on one node have need. By what Open MPI 4 and 5 pass on in the environment.
bool IsToldNotToBind();

// Whether binding may pay for a process that may run on the CPUs `affinity`: a look at a few files,
// as loading a topology takes milliseconds. Not if somebody has bound it, that is, if these are not
// all CPUs online; not if they are one NUMA node with one last-level cache. `sysfs` is
// /sys/devices/system, or has the same files; what cannot be read there speaks against binding.
bool MayPay(const std::string& sysfs, const std::vector<int>& affinity);

// The CPUs for rank `node_rank` of the `node_size` ranks of a machine with this (loaded) topology.
// Parts are whole cores, disjoint, together all of them, and in the order of the ranks, so that
// neighbours share a NUMA node and a cache: of 4 ranks on 2 NUMA nodes with CPUs [0, 8) and [8,
// 16), rank 1 has [4, 8). None where binding does not pay: a single rank; fewer cores than ranks;
// one NUMA node and one last-level cache; cores with different numbers of CPUs, among which the
// system chooses better.
std::vector<int> PartOfNode(hwloc_topology_t topology, int node_rank, int node_size);

// Binds the calling process, all threads that it has, to its PartOfNode() where that pays, nobody
// has bound it before and nobody has told not to; tells whether it did. It stays bound, and so do
// threads and processes that it starts. To be called before memory is touched. Not collective.
// Errors, with the process as it was or some of its threads bound: what the system says.
absl::StatusOr<bool> BindToCores(int node_rank, int node_size,
                                 const std::string& sysfs = "/sys/devices/system");

}  // namespace mpaio

#endif  // MPAIO_EXECUTOR_BINDING_H_
