// SPDX-License-Identifier: Apache-2.0

// The unit of work that rank 0 gives to a rank: a range of chunks of one job.
#ifndef MPAIO_DISPATCH_ASSIGNMENT_H_
#define MPAIO_DISPATCH_ASSIGNMENT_H_

#include <cstdint>

#include "mpaio/chunk/chunk_range.h"

namespace mpaio {

// A request to process chunks of a job. Jobs are numbered in the order in which they were given to
// the orchestrator.
struct Assignment {
  std::int32_t job = 0;
  // 0 for the first attempt. Greater for chunks whose process or rank has died or fallen silent:
  // they are isolated and never stolen.
  std::int32_t attempt = 0;
  ChunkRange chunks;

  friend constexpr bool operator==(const Assignment&, const Assignment&) = default;
};

}  // namespace mpaio

#endif  // MPAIO_DISPATCH_ASSIGNMENT_H_
