// What an orchestrator program prints on the standard output.
#ifndef MPAIO_CLI_RESULTS_H_
#define MPAIO_CLI_RESULTS_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "mpaio/base/index.h"

namespace mpaio {

// How a job ended.
struct JobResult {
  std::string worker;
  std::string input;
  std::string status;             // "ok", or why not
  nlohmann::ordered_json result;  // null unless ok
  Index rows = 0;
  Index chunks = 0;
  double seconds = 0;
};

// One object: {"jobs": [{"worker", "input", "status", "result", "rows", "chunks", "seconds"}...], "ranks", "seconds"}. Integers are exact. JSON has no
// numbers for NaN and infinities: they are the strings "nan", "inf" and "-inf". Bytes that are not UTF-8 become U+FFFD. Ends with an end of line.
std::string FormatJson(const std::vector<JobResult>& jobs, int ranks, double seconds);

// A line for each job that is ok: "sum ints.npy: 5050". Strings are printed as they are, objects as "min 1, max 100".
std::string FormatText(const std::vector<JobResult>& jobs);

}  // namespace mpaio

#endif  // MPAIO_CLI_RESULTS_H_
