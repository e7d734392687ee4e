// SPDX-License-Identifier: Apache-2.0

// Judges facts about a node: pure functions from facts (machine.h, stale.h) and requirements to
// findings.
#ifndef MPAIO_DIAGNOSIS_CHECKS_H_
#define MPAIO_DIAGNOSIS_CHECKS_H_

#include <string>
#include <utility>
#include <vector>

#include "mpaio/base/index.h"
#include "mpaio/diagnosis/finding.h"
#include "mpaio/diagnosis/machine.h"
#include "mpaio/diagnosis/stale.h"
#include "mpaio/host/memory_capacity.h"

namespace mpaio {

// Requirements of a run on a node.
struct Wanted {
  // Inputs that must be copied to shared memory, because the layout in their file differs from that
  // in memory.
  Index copied_bytes = 0;
  // Inputs that can be mapped.
  Index mapped_bytes = 0;
  int num_inputs = 0;
  // Ranks of the node. If there are several, shared memory is in files.
  int ranks = 1;
};

Finding CheckSharedMemory(const SharedMemoryFacts& facts, const Wanted& wanted);
Finding CheckHugePageSupply(const SharedMemoryFacts& facts);
// `capacity`: FindMemoryCapacity(""), which does not include the file system of shared memory.
Finding CheckMemory(const MemoryCapacity& capacity, const Wanted& wanted);
// Returns a finding for each limit that is too low, or one with kOk if none is.
std::vector<Finding> CheckLimits(const LimitFacts& facts, const Wanted& wanted);
std::vector<Finding> CheckCpus(const CpuFacts& facts, bool is_told_not_to_bind);
std::vector<Finding> CheckLauncher(const LauncherFacts& facts, int num_cpus);
Finding CheckClock(const ClockFacts& facts);
// `seconds`: each host and its wall clock at the same moment, in seconds, rank 0's host first.
// Returns nothing if there is only one host.
std::vector<Finding> CheckWallClocks(const std::vector<std::pair<std::string, double>>& seconds);
std::vector<Finding> CheckStale(const Stale& stale);

// Returns true if several ranks of a node share fewer CPUs than there are ranks, though the node
// has more.
bool IsCrowded(const CpuFacts& facts);

// Returns `word` quoted for the shell.
std::string ShellQuoted(const std::string& word);

}  // namespace mpaio

#endif  // MPAIO_DIAGNOSIS_CHECKS_H_
