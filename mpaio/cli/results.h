// SPDX-License-Identifier: Apache-2.0

// Formats the results that an orchestrator program prints on the standard output.
#ifndef MPAIO_CLI_RESULTS_H_
#define MPAIO_CLI_RESULTS_H_

#include <string>
#include <vector>

#include "mpaio/jobs/outcome.h"
#include "mpaio/supervision/lost_rank.h"

namespace mpaio {

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
std::string FormatJson(const std::vector<JobOutcome>& jobs, int ranks, double seconds,
                       const std::vector<LostRank>& lost_ranks = {});

// Returns one line for each job that is ok, and one for each partial answer:
//   sum ints.npy: 5050
//   sum ints.npy (partial, rows 0 to 49): 1275
// Strings are printed as they are, objects as "min 1, max 100".
std::string FormatText(const std::vector<JobOutcome>& jobs);

}  // namespace mpaio

#endif  // MPAIO_CLI_RESULTS_H_
