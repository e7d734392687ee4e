// SPDX-License-Identifier: Apache-2.0

// Faults of the chaos tests' workers: the workers report their progress, take a given time for each
// chunk, and end their process in the chunks that the plan selects.
//
// Files in `folder`:
//   plan        A line "CHUNK HOW TIMES" for each chunk with a fault. The fault occurs the first
//               TIMES times that the chunk is processed; -1: every time. Read when the job is made.
//   ready.R     Exists once rank R has begun a chunk, which shows that it has started.
//   attempts.C  One byte for each attempt at chunk C, if C is in the plan.
//   events      A line "RANK rank|child CHUNK HOW" for each fault. HOW is "spared" if the fault was
//               omitted because rank 0 itself must not end.
#ifndef MPAIO_TESTS_CHAOS_WORKERS_FAULTS_H_
#define MPAIO_TESTS_CHAOS_WORKERS_FAULTS_H_

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "mpaio/base/index.h"
#include "mpaio/jobs/parameters.h"

namespace mpaio {

class ChaosFaults {
 public:
  // The parameters: "folder" (empty: no faults) and "chunk_us".
  static std::vector<ParameterInfo> ParametersOf();

  explicit ChaosFaults(const Parameters& parameters);

  // Sleeps for the chunk's time, then injects the planned fault. Returns if none is planned.
  void Suffer(ChunkId chunk) const;

 private:
  struct Fault {
    std::string how;
    Index times = 0;
  };

  void Log(ChunkId chunk, const std::string& how) const;

  const std::string folder_;
  const std::chrono::microseconds chunk_time_;
  const int rank_;
  // The rank's own process; any other process is a child that processes chunks for the rank.
  const pid_t rank_process_;
  std::map<ChunkId, Fault> plan_;
};

}  // namespace mpaio

#endif  // MPAIO_TESTS_CHAOS_WORKERS_FAULTS_H_
