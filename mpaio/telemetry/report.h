// SPDX-License-Identifier: Apache-2.0

// Formats what a run did, and the time it took, as tables of plain text.
#ifndef MPAIO_TELEMETRY_REPORT_H_
#define MPAIO_TELEMETRY_REPORT_H_

#include <string>
#include <vector>

#include "mpaio/base/index.h"

namespace mpaio {

// A stage of the program: "read", "process", "write", ...
struct StageReport {
  std::string name;
  double seconds = 0;
  Index bytes = 0;  // Bytes processed; 0: unknown, and no rate is shown.
};

struct JobReport {
  std::string worker;  // The worker's name.
  std::string input;   // The array's name or file.
  Index rows = 0;
  Index chunks = 0;
  double seconds = 0;  // From the start of the run to the last delivery.
};

struct RankReport {
  int rank = 0;
  int node_index = 0;
  std::string node_name;  // May be empty.
  Index chunks = 0;
  Index rows = 0;
  double busy_seconds = 0;  // Spent in processing.
};

struct RunReport {
  // In the order in which they are shown, as are the others.
  std::vector<StageReport> stages;
  std::vector<JobReport> jobs;
  std::vector<RankReport> ranks;
  double total_seconds = 0;
};

// Returns `report` as aligned tables, each with a heading, separated by empty lines; ends with a
// newline. Empty tables are left out. The share of a rank is its part of the rows of all ranks.
// Example:
//
//     stage    seconds  share       rate
//     read       0.512   34 %  1.56 GB/s
//     process    0.988   66 %  8.10 GB/s
//     total      1.500
//
//     job      input       rows  chunks  seconds         rate
//     add_int  ints.npy  100000      64    0.900  111 krows/s
//
//     rank  node     chunks   rows  busy s  share
//        0  0 alpha       4   5000   0.050    5 %
//        1  0 alpha      60  95000   0.940   95 %
std::string FormatReport(const RunReport& report);

}  // namespace mpaio

#endif  // MPAIO_TELEMETRY_REPORT_H_
