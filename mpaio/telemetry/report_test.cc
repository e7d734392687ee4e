// SPDX-License-Identifier: Apache-2.0
#include "mpaio/telemetry/report.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

JobStats JobOf(const std::string& worker, Index rows_done, Index chunks_done, double seconds) {
  JobStats job;
  job.worker = worker;
  job.rows_done = rows_done;
  job.chunks_done = chunks_done;
  job.seconds = seconds;
  return job;
}

TEST(FormatReportTest, GivesTheExampleOfTheHeader) {
  const std::vector<StageTime> stages = {{"read", 0.512, 800'000'000},
                                         {"process", 0.988, 8'000'000'000}};
  RunStats run;
  run.jobs = {JobOf("add_int", 100'000, 64, 0.9)};
  run.ranks = {{0, 0, "alpha", 4, 5'000, 0.05}, {1, 0, "alpha", 60, 95'000, 0.94}};
  EXPECT_EQ(FormatReport(stages, run, {"ints.npy"}),
            "stage    seconds  share       rate\n"
            "read       0.512   34 %  1.56 GB/s\n"
            "process    0.988   66 %  8.10 GB/s\n"
            "total      1.500\n"
            "\n"
            "job      input       rows  chunks  seconds         rate\n"
            "add_int  ints.npy  100000      64    0.900  111 krows/s\n"
            "\n"
            "rank  node     chunks   rows  busy s  share\n"
            "   0  0 alpha       4   5000   0.050    5 %\n"
            "   1  0 alpha      60  95000   0.940   95 %\n");
}

TEST(FormatReportTest, LeavesOutEmptyTables) {
  EXPECT_EQ(FormatReport({{"read", 0.25}}, RunStats(), {}),
            "stage  seconds  share  rate\n"
            "read     0.250  100 %\n"
            "total    0.250\n");
}

TEST(FormatReportTest, ZerosGiveEmptyCells) {
  RunStats run;
  run.jobs = {JobOf("w", 0, 0, 0)};
  run.ranks = {{12, 3, "", 0, 0, 0}};
  EXPECT_EQ(FormatReport({{"read", 0, 10}}, run, {"a.npy"}),
            "stage  seconds  share  rate\n"
            "read     0.000\n"
            "total    0.000\n"
            "\n"
            "job  input  rows  chunks  seconds  rate\n"
            "w    a.npy     0       0    0.000\n"
            "\n"
            "rank  node  chunks  rows  busy s  share\n"
            "  12  3          0     0   0.000\n");
}

TEST(FormatReportTest, CountsCharactersRatherThanBytes) {
  RunStats run;
  run.jobs = {JobOf("w", 7, 1, 1), JobOf("w", 7, 1, 1)};
  const std::string text = FormatReport({}, run, {"häh.npy", "hah.npy"});
  EXPECT_NE(text.find("w    häh.npy     7  "), std::string::npos) << text;
  EXPECT_NE(text.find("w    hah.npy     7  "), std::string::npos) << text;
}

}  // namespace
}  // namespace mpaio
