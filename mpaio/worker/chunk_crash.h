// SPDX-License-Identifier: Apache-2.0
#ifndef MPAIO_WORKER_CHUNK_CRASH_H_
#define MPAIO_WORKER_CHUNK_CRASH_H_

#include <cstdint>
#include <string>

#include "mpaio/base/index.h"

namespace mpaio {

// A chunk that ended, or hung up, the process that ran it. That process is not the rank's own, so
// the rank goes on.
struct ChunkCrash {
  std::int32_t job = 0;
  ChunkId chunk = 0;
  // How the process ended, as the end of a sentence: "was killed by signal 11 (SIGSEGV:
  // segmentation fault)", "ended with exit status 3", "took longer than 0.5 s and was ended".
  std::string cause = {};
  // It was ended because of the deadline.
  bool overran = false;
};

}  // namespace mpaio

#endif  // MPAIO_WORKER_CHUNK_CRASH_H_
