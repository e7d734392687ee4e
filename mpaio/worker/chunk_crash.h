// SPDX-License-Identifier: Apache-2.0
#ifndef MPAIO_WORKER_CHUNK_CRASH_H_
#define MPAIO_WORKER_CHUNK_CRASH_H_

#include <cstdint>
#include <string>

#include "mpaio/base/index.h"

namespace mpaio {

// A chunk at which the process that ran it crashed or hung. That process is a child of the rank, so
// the rank continues.
struct ChunkCrash {
  std::int32_t job = 0;
  ChunkId chunk = 0;
  // How the process ended, as the predicate of a sentence: "was killed by signal 11 (SIGSEGV:
  // segmentation fault)", "ended with exit status 3", "took longer than 0.5 s and was ended".
  std::string cause = {};
  // True if the process was killed because the chunk exceeded its deadline.
  bool overran = false;
};

}  // namespace mpaio

#endif  // MPAIO_WORKER_CHUNK_CRASH_H_
