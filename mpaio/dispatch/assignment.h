// SPDX-License-Identifier: Apache-2.0

// What a worker rank is told to do.
#ifndef MPAIO_DISPATCH_ASSIGNMENT_H_
#define MPAIO_DISPATCH_ASSIGNMENT_H_

#include <cstdint>

#include "mpaio/base/index.h"

namespace mpaio {

// The half-open range [begin, end) of a job's chunks.
struct ChunkRange {
  ChunkId begin = 0;
  ChunkId end = 0;

  constexpr Index size() const { return end - begin; }
  friend constexpr bool operator==(const ChunkRange&, const ChunkRange&) = default;
};

// "Process these chunks of that job." Jobs are numbered as they were given to the orchestrator.
struct Assignment {
  std::int32_t job = 0;
  // Counts how often these chunks have been assigned, from 0.
  std::int32_t attempt = 0;
  ChunkRange chunks;

  friend constexpr bool operator==(const Assignment&, const Assignment&) = default;
};

}  // namespace mpaio

#endif  // MPAIO_DISPATCH_ASSIGNMENT_H_
