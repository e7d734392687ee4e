// SPDX-License-Identifier: Apache-2.0

// Judges facts about a node: pure functions, from what is the case and what is wanted to findings.
#ifndef MPAIO_PREFLIGHT_CHECKS_H_
#define MPAIO_PREFLIGHT_CHECKS_H_

#include <string>
#include <utility>
#include <vector>

#include "mpaio/base/index.h"
#include "mpaio/executor/memory_capacity.h"
#include "mpaio/preflight/finding.h"
#include "mpaio/preflight/machine.h"
#include "mpaio/preflight/stale.h"

namespace mpaio {

// What a run is to have on a node.
struct Wanted {
  // The inputs: those that are copied to shared memory, as they do not lie in their files as in
  // memory, and those that can be mapped.
  Index copied_bytes = 0;
  Index mapped_bytes = 0;
  int num_inputs = 0;
  // Of the node. More than 1: shared memory lies in files.
  int ranks = 1;
};

Finding CheckSharedMemory(const SharedMemoryFacts& facts, const Wanted& wanted);
Finding CheckHugePageSupply(const SharedMemoryFacts& facts);
// `room`: without the file system of shared memory, FindMemoryCapacity("").
Finding CheckMemory(const MemoryCapacity& room, const Wanted& wanted);
// One for each limit that bites; one that is ok where none does.
std::vector<Finding> CheckLimits(const LimitFacts& facts, const Wanted& wanted);
std::vector<Finding> CheckCpus(const CpuFacts& facts, bool is_told_not_to_bind);
std::vector<Finding> CheckLauncher(const LauncherFacts& facts, int num_cpus);
Finding CheckClock(const ClockFacts& facts);
// `seconds`: what each host's wall clock says at the same moment, rank 0's first. None where there
// is one host.
std::vector<Finding> CheckWallClocks(const std::vector<std::pair<std::string, double>>& seconds);
std::vector<Finding> CheckStale(const Stale& stale);

// Whether several ranks of a node share fewer CPUs than they are, though the node has more.
bool IsCrowded(const CpuFacts& facts);

// `word` as the shell reads it again.
std::string ShellQuoted(const std::string& word);

}  // namespace mpaio

#endif  // MPAIO_PREFLIGHT_CHECKS_H_
