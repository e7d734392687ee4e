// SPDX-License-Identifier: Apache-2.0

// The results of an earlier run that a run continues.
#ifndef MPAIO_ORCHESTRATION_RESUMED_RESULTS_H_
#define MPAIO_ORCHESTRATION_RESUMED_RESULTS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mpaio/dispatch/assignment.h"

namespace mpaio {

// Used on rank 0 only, by the thread that advances the run.
class ResumedResults {
 public:
  struct Range {
    int job = 0;
    ChunkRange chunks;  // not empty
  };

  virtual ~ResumedResults() = default;

  // The chunks that have results, which are not processed again. No two ranges of a job share a
  // chunk. The same at every call.
  virtual const std::vector<Range>& ranges() const = 0;

  // Returns the results of ranges()[i]: for each chunk, in order, an 8-byte length and the encoded
  // result. Called once for each range, when its results are delivered, so that they need no memory
  // before. An error ends the run with that status.
  virtual absl::StatusOr<std::string> Read(std::size_t i) const = 0;
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_RESUMED_RESULTS_H_
