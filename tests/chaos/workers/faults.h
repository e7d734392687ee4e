// SPDX-License-Identifier: Apache-2.0

// What the workers of the chaos tests do besides their work: they say where they are, take their
// time, and end their process when they are told to.
//
// In `folder`:
//   plan        "CHUNK HOW TIMES" for each chunk that is to do harm, the first TIMES times that it
//               is
//   processed; -1: every time. Read when the job
//               is made.
//   ready.R     there is one when rank R has begun a chunk: it has started up
//   attempts.C  one byte for each time that chunk C has been begun which is in the plan
//   events "RANK rank|child CHUNK HOW" for each time that harm was done; HOW is "spared" where it
//   was
//   not, as rank 0 itself must not end
#ifndef MPAIO_TESTS_CHAOS_WORKERS_FAULTS_H_
#define MPAIO_TESTS_CHAOS_WORKERS_FAULTS_H_

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "mpaio/base/index.h"
#include "mpaio/worker/parameters.h"

namespace mpaio {

class ChaosFaults {
 public:
  // The parameters that it takes: "folder" (none: it does no harm) and "chunk_us".
  static std::vector<ParameterInfo> ParametersOf();

  explicit ChaosFaults(const Parameters& parameters);

  // Takes the chunk's time, and does what the plan says. Returns if this was no harm.
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
  // The rank's own process; any other is a child that processes for it.
  const pid_t rank_process_;
  std::map<ChunkId, Fault> plan_;
};

}  // namespace mpaio

#endif  // MPAIO_TESTS_CHAOS_WORKERS_FAULTS_H_
