// SPDX-License-Identifier: Apache-2.0

// Formats the results that an orchestrator program prints on the standard output.
#ifndef MPAIO_CLI_RESULTS_H_
#define MPAIO_CLI_RESULTS_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "mpaio/base/index.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/orchestration/run_statistics.h"

namespace mpaio {

// The outcome of a job.
struct JobResult {
  std::string worker;
  std::string input;
  std::string status;             // "ok", or the error
  nlohmann::ordered_json result;  // null unless ok
  Index rows = 0;
  Index chunks = 0;
  double seconds = 0;
  // Quarantined chunks, if any.
  std::vector<QuarantinedChunk> quarantined = {};
  // If the run was stopped: the answer for the first `rows` rows, if the worker has one.
  struct Partial {
    Index rows = 0;
    nlohmann::ordered_json result;
  };
  std::optional<Partial> partial = {};
};

// Returns one object:
//   {"jobs": [{"worker", "input", "status", "result", "rows", "chunks", "seconds"}...],
//    "ranks", "seconds"}
// Integers are exact. JSON has no numbers for NaN and infinities: they are the strings "nan", "inf"
// and "-inf". Bytes that are not UTF-8 become U+FFFD. Ends with a newline.
//
// Some jobs have further members:
//   "quarantined": [{"chunk", "rows": [first, last + 1], "attempts", "cause"}...]
//   "partial": {"rows", "result"}
// If ranks were lost, the object also has "lost": [{"rank", "cause"}...].
std::string FormatJson(const std::vector<JobResult>& jobs, int ranks, double seconds,
                       const std::vector<LostRank>& lost_ranks = {});

// Returns one line for each job that is ok, and one for each partial answer:
//   sum ints.npy: 5050
//   sum ints.npy (partial, rows 0 to 49): 1275
// Strings are printed as they are, objects as "min 1, max 100".
std::string FormatText(const std::vector<JobResult>& jobs);

}  // namespace mpaio

#endif  // MPAIO_CLI_RESULTS_H_
