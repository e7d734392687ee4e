// SPDX-License-Identifier: Apache-2.0
#include "mpaio/telemetry/report.h"

#include <string>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

TEST(FormatReportTest, GivesTheExampleOfTheHeader) {
  RunReport report;
  report.stages = {{"read", 0.512, 800'000'000}, {"process", 0.988, 8'000'000'000}};
  report.jobs = {{"add_int", "ints.npy", 100'000, 64, 0.9}};
  report.ranks = {{0, 0, "alpha", 4, 5'000, 0.05}, {1, 0, "alpha", 60, 95'000, 0.94}};
  report.total_seconds = 1.5;
  EXPECT_EQ(FormatReport(report),
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
  RunReport report;
  report.total_seconds = 0.25;
  EXPECT_EQ(FormatReport(report),
            "stage  seconds  share  rate\n"
            "total    0.250\n");
}

TEST(FormatReportTest, ZerosGiveEmptyCells) {
  RunReport report;
  report.stages = {{"read", 0, 10}};
  report.jobs = {{"w", "a.npy", 0, 0, 0}};
  report.ranks = {{12, 3, "", 0, 0, 0}};
  EXPECT_EQ(FormatReport(report),
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
  RunReport report;
  report.jobs = {{"w", "häh.npy", 7, 1, 1}, {"w", "hah.npy", 7, 1, 1}};
  const std::string text = FormatReport(report);
  EXPECT_NE(text.find("w    häh.npy     7  "), std::string::npos) << text;
  EXPECT_NE(text.find("w    hah.npy     7  "), std::string::npos) << text;
}

}  // namespace
}  // namespace mpaio
