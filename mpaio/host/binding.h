// SPDX-License-Identifier: Apache-2.0

// Binds ranks to cores, so that the memory that a rank touches first stays near it.
#ifndef MPAIO_HOST_BINDING_H_
#define MPAIO_HOST_BINDING_H_

#include <hwloc.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace mpaio {

// A CPU is one of the system's logical processors, named by its number. A core has one or several
// CPUs. Lists of CPUs are ascending.

// Returns the CPUs that the calling thread may run on.
absl::StatusOr<std::vector<int>> Affinity();

// True if binding may pay for a process that may run on the CPUs `affinity`. Reads a few files
// only, because loading a topology takes milliseconds. False if the process is bound already, that
// is, if `affinity` is not all CPUs online; false if these are one NUMA node with one last-level
// cache. `sysfs` is /sys/devices/system or a directory with the same files; a file that cannot be
// read counts against binding.
bool MayPay(const std::string& sysfs, const std::vector<int>& affinity);

// Returns the CPUs for rank `node_rank` of the `node_size` ranks of a machine with this (loaded)
// topology. The parts are whole cores, disjoint, cover all cores, and are in the order of the
// ranks, so that neighbours share a NUMA node and a cache: of 4 ranks on 2 NUMA nodes with CPUs [0,
// 8) and [8, 16), rank 1 has [4, 8). Returns none where binding does not pay: a single rank; fewer
// cores than ranks; one NUMA node and one last-level cache; cores with different numbers of CPUs,
// for which the system's own choice is better.
std::vector<int> PartOfNode(hwloc_topology_t topology, int node_rank, int node_size);

// Binds all current threads of the calling process to PartOfNode() if binding pays and the process
// is not bound yet, by the launcher for example. Returns true if it bound them. The process stays
// bound, and so do threads and processes that it starts. Precondition: the memory to
// be placed has not been touched yet. Not collective. Errors: those of the system; then none or
// some of the threads are bound. `sysfs`: as for MayPay.
absl::StatusOr<bool> BindToCores(int node_rank, int node_size,
                                 const std::string& sysfs = "/sys/devices/system");

}  // namespace mpaio

#endif  // MPAIO_HOST_BINDING_H_
