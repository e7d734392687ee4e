// SPDX-License-Identifier: Apache-2.0

// Formats what a run did, and the time it took, as tables of plain text.
#ifndef MPAIO_TELEMETRY_REPORT_H_
#define MPAIO_TELEMETRY_REPORT_H_

#include <string>
#include <vector>

#include "mpaio/jobs/stage_time.h"
#include "mpaio/orchestration/run_statistics.h"

namespace mpaio {

// Returns what a run did as aligned tables, each with a heading, separated by empty lines; ends
// with a newline. Empty tables are left out, and so are cells of unknown contents. `inputs` has the
// name of each job's array; it may be shorter than `run.jobs`. The total is that of the stages.
// Rows and chunks are those that are done. The share of a rank is its part of the rows of all
// ranks.
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
std::string FormatReport(const std::vector<StageTime>& stages, const RunStats& run,
                         const std::vector<std::string>& inputs);

}  // namespace mpaio

#endif  // MPAIO_TELEMETRY_REPORT_H_
