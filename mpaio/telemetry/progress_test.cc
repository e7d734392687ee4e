// SPDX-License-Identifier: Apache-2.0
#include "mpaio/telemetry/progress.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "mpaio/launcher/scoped_launch.h"

namespace mpaio {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

absl::Time After(double seconds) { return kStart + absl::Seconds(seconds); }

using Jobs = std::vector<JobStats>;

JobStats JobOf(const std::string& worker, Index rows_done, Index rows, Index row_bytes = 0) {
  JobStats job;
  job.worker = worker;
  job.rows_done = rows_done;
  job.rows = rows;
  job.row_bytes = row_bytes;
  return job;
}
using Lines = std::vector<std::string>;

// A meter and the text that it writes.
class Drawn {
 public:
  Drawn(ProgressMode mode, bool terminal)
      : meter({.mode = mode, .terminal = terminal},
              [this](absl::string_view text) { pieces.emplace_back(text); }) {}

  // Returns the text written since the last call.
  Lines Take() { return std::exchange(pieces, {}); }

  Lines pieces;
  ProgressMeter meter;
};

TEST(FormatProgressLineTest, OneJob) {
  // 42 of 100 million rows of 8 bytes took 10 s; the other 58 million take 13.8 s.
  const Jobs jobs = {JobOf("add_int", 42'000'000, 100'000'000, 8)};
  EXPECT_EQ(FormatProgressLine(jobs, {}, absl::Seconds(10)),
            "add_int [########------------]  42% | 33.6 MB/s | 0:10 ETA 0:13");
  // Half of the 42 million rows were done at the start.
  const std::vector<Index> at_start = {21'000'000};
  EXPECT_EQ(FormatProgressLine(jobs, at_start, absl::Seconds(10)),
            "add_int [########------------]  42% | 16.8 MB/s | 0:10 ETA 0:27");
}

TEST(FormatProgressLineTest, RowsWhereBytesAreNotKnown) {
  const Jobs jobs = {JobOf("add_int", 500, 1'000)};
  EXPECT_EQ(FormatProgressLine(jobs, {}, absl::Seconds(3700)),
            "add_int [##########----------]  50% | 0.14 rows/s | 1:01:40 ETA 1:01:40");
}

TEST(FormatProgressLineTest, NothingYetAndAllDone) {
  EXPECT_EQ(FormatProgressLine(Jobs{JobOf("w", 0, 10, 8)}, {}, absl::ZeroDuration()),
            "w [--------------------]   0% | 0 B/s | 0:00 ETA -:--");
  EXPECT_EQ(FormatProgressLine(Jobs{JobOf("w", 10, 10, 8)}, {}, absl::Seconds(2)),
            "w [####################] 100% | 40.0 B/s | 0:02");
  // An array without rows is done.
  EXPECT_EQ(FormatProgressLine(Jobs{JobOf("w", 0, 0, 8)}, {}, absl::Seconds(2)),
            "w [####################] 100% | 0 B/s | 0:02");
}

TEST(FormatProgressLineTest, HundredPercentOnlyIfAllIsDone) {
  EXPECT_EQ(FormatProgressLine(Jobs{JobOf("w", 9'999'999, 10'000'000, 8)}, {}, absl::Seconds(1))
                .substr(0, 30),
            "w [###################-]  99% ");
}

TEST(FormatProgressLineTest, TwoJobs) {
  const Jobs jobs = {JobOf("add_int", 42'000'000, 100'000'000, 8),
                     JobOf("concat_string", 1'000, 10'000)};
  EXPECT_EQ(FormatProgressLine(jobs, {}, absl::Seconds(10)),
            "add_int 42% 33.6 MB/s | concat_s.. 10% 100 rows/s | 0:10 ETA 0:13");
}

TEST(FormatProgressLineTest, MoreJobsAreSummedUp) {
  // 60 + 10 + 0 of 60 + 40 + 100 bytes.
  const Jobs jobs = {JobOf("a", 30, 30, 2), JobOf("b", 10, 40, 1), JobOf("c", 0, 25, 4)};
  EXPECT_EQ(FormatProgressLine(jobs, {}, absl::Seconds(7)),
            "3 jobs, 1 done [#######-------------]  35% | 10.0 B/s | 0:07 ETA 0:13");
  EXPECT_EQ(FormatProgressLine({}, {}, absl::Seconds(7)),
            "0 jobs, 0 done [####################] 100% | 0 B/s | 0:07");
}

TEST(FormatProgressLineTest, StaysUnder80Columns) {
  const std::string name(300, 'x');
  const JobStats job = JobOf(name, (Index{1} << 61) - 1, Index{1} << 61);
  for (std::size_t count = 1; count <= 3; ++count) {
    const std::string line = FormatProgressLine(
        Jobs(count, job), std::vector<Index>(count, (Index{1} << 61) - 9), absl::Hours(99));
    EXPECT_LT(line.size(), 80u) << line;
    EXPECT_NE(line.find(" | 99:00:00"), std::string::npos) << line;
  }
}

TEST(FormatProgressLineTest, NamesDoNotMoveTheCursor) {
  EXPECT_EQ(FormatProgressLine(Jobs{JobOf("a\n\x1b[2J", 0, 1)}, {}, absl::Seconds(1)).substr(0, 8),
            "a??[2J [");
  // 21 bytes are cut to 18 and "..", but not within the two bytes of the last character that fits.
  EXPECT_EQ(FormatProgressLine(Jobs{JobOf("12345678901234567ä12", 0, 1)}, {}, absl::Seconds(1))
                .substr(0, 21),
            "12345678901234567.. [");
}

TEST(ProgressMeterTest, TerminalLineIsDrawnOverAndCleared) {
  Drawn drawn(ProgressMode::kAuto, true);
  drawn.meter.MaybeUpdate(kStart, Jobs{JobOf("w", 0, 200, 8)});
  EXPECT_EQ(drawn.Take(), (Lines{"\rw [--------------------]   0% | 0 B/s | 0:00 ETA -:--"}));
  drawn.meter.MaybeUpdate(After(0.05), Jobs{JobOf("w", 1, 200, 8)});
  EXPECT_EQ(drawn.Take(), Lines{});
  drawn.meter.MaybeUpdate(After(2), Jobs{JobOf("w", 100, 200, 8)});
  EXPECT_EQ(drawn.Take(), (Lines{"\rw [##########----------]  50% | 400 B/s | 0:02 ETA 0:02"}));
  // A shorter line covers all of the longer one.
  drawn.meter.MaybeUpdate(After(4), Jobs{JobOf("w", 200, 200, 8)});
  EXPECT_EQ(drawn.Take(), (Lines{"\rw [####################] 100% | 400 B/s | 0:04         "}));
  drawn.meter.Finish(After(4), Jobs{JobOf("w", 200, 200, 8)});
  EXPECT_EQ(drawn.Take(), (Lines{"\r" + std::string(46, ' ') + "\r"}));
}

TEST(ProgressMeterTest, ClearErasesTheLineAndTheNextUpdateDrawsAgain) {
  Drawn drawn(ProgressMode::kAuto, true);
  drawn.meter.Clear();
  EXPECT_EQ(drawn.Take(), Lines{});
  drawn.meter.MaybeUpdate(kStart, Jobs{JobOf("w", 0, 10, 8)});
  EXPECT_EQ(drawn.Take().size(), 1u);
  drawn.meter.Clear();
  EXPECT_EQ(drawn.Take().size(), 1u);
  EXPECT_TRUE(drawn.meter.Due(kStart));
  drawn.meter.MaybeUpdate(kStart, Jobs{JobOf("w", 0, 10, 8)});
  EXPECT_EQ(drawn.Take().size(), 1u);
}

TEST(ProgressMeterTest, PlainLinesAreASecondApart) {
  Drawn drawn(ProgressMode::kAlways, false);
  drawn.meter.MaybeUpdate(kStart, Jobs{JobOf("w", 0, 10)});
  EXPECT_EQ(drawn.Take(), (Lines{"w [--------------------]   0% | 0 rows/s | 0:00 ETA -:--\n"}));
  drawn.meter.MaybeUpdate(After(0.999), Jobs{JobOf("w", 4, 10)});
  drawn.meter.Clear();
  EXPECT_EQ(drawn.Take(), Lines{});
  drawn.meter.MaybeUpdate(After(1), Jobs{JobOf("w", 5, 10)});
  EXPECT_EQ(drawn.Take(), (Lines{"w [##########----------]  50% | 5.00 rows/s | 0:01 ETA 0:01\n"}));
  drawn.meter.Finish(After(1.25), Jobs{JobOf("w", 10, 10)});
  EXPECT_EQ(drawn.Take(), (Lines{"w [####################] 100% | 8.00 rows/s | 0:01\n"}));
}

TEST(ProgressMeterTest, NothingIsShownIfItIsDisabled) {
  for (const auto& [mode, terminal] :
       {std::pair(ProgressMode::kAuto, false), std::pair(ProgressMode::kNever, true),
        std::pair(ProgressMode::kNever, false)}) {
    Drawn drawn(mode, terminal);
    EXPECT_FALSE(drawn.meter.Due(kStart));
    drawn.meter.MaybeUpdate(kStart, Jobs{JobOf("w", 0, 10)});
    drawn.meter.Finish(After(5), Jobs{JobOf("w", 10, 10)});
    EXPECT_EQ(drawn.Take(), Lines{});
  }
}

TEST(ProgressMeterTest, DrawsAlsoAfterTheClockWasSetBack) {
  Drawn drawn(ProgressMode::kAlways, true);
  drawn.meter.MaybeUpdate(kStart, Jobs{JobOf("w", 1, 10)});
  drawn.Take();
  drawn.meter.MaybeUpdate(After(-3600), Jobs{JobOf("w", 2, 10)});
  EXPECT_EQ(drawn.Take().size(), 1u);
  EXPECT_FALSE(drawn.meter.Due(After(-3600)));
  EXPECT_TRUE(drawn.meter.Due(After(-3599)));
}

TEST(IsTerminalPathTest, RecognisesTerminalsByTheirNames) {
  for (const char* path :
       {"/dev/pts/0", "/dev/pts/12", "/dev/tty", "/dev/tty1", "/dev/ttyS0", "/dev/console"}) {
    EXPECT_TRUE(IsTerminalPath(path)) << path;
  }
  for (const char* path :
       {"", "/dev/null", "pipe:[123]", "socket:[9]", "/tmp/dev/pts/0", "/dev/pts", "/home/tty"}) {
    EXPECT_FALSE(IsTerminalPath(path)) << path;
  }
}

// A process and the one that started it, each with its own standard error.
class StderrIsTerminalTest : public testing::Test {
 protected:
  // Makes a terminal, because the test may be run without one.
  void SetUp() override {
    master_ = ::posix_openpt(O_RDWR | O_NOCTTY);
    if (master_ < 0 || ::grantpt(master_) != 0 || ::unlockpt(master_) != 0)
      GTEST_SKIP() << "no pseudo-terminals here";
    terminal_ = ::open(::ptsname(master_), O_RDWR | O_NOCTTY);
    ASSERT_GE(terminal_, 0);
    file_ = ::open("/dev/null", O_RDWR);
    ASSERT_GE(file_, 0);
    ASSERT_EQ(::pipe(pipe_), 0);
  }

  void TearDown() override {
    for (int fd : {master_, terminal_, file_, pipe_[0], pipe_[1]}) {
      if (fd >= 0) ::close(fd);
    }
  }

  // Returns StderrIsTerminal() in a child that has `own` as its standard error, while this process
  // has `parents`.
  bool InChild(int own, int parents, bool launched_by_mpirun) {
    const int saved = ::dup(STDERR_FILENO);
    ::dup2(parents, STDERR_FILENO);
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(own, STDERR_FILENO);
      const ScopedLaunch launch(launched_by_mpirun ? Mpirun(0, 4) : Launch());
      ::_exit(StderrIsTerminal() ? 10 : 20);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ::dup2(saved, STDERR_FILENO);
    ::close(saved);
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    EXPECT_TRUE(code == 10 || code == 20) << code;
    return code == 10;
  }

  int master_ = -1;
  int terminal_ = -1;
  int file_ = -1;
  int pipe_[2] = {-1, -1};
};

TEST_F(StderrIsTerminalTest, LooksThroughTheLauncher) {
  EXPECT_TRUE(InChild(terminal_, file_, false));
  EXPECT_TRUE(InChild(terminal_, file_, true));
  EXPECT_TRUE(InChild(pipe_[1], terminal_, true));
  // The launcher writes to a file.
  EXPECT_FALSE(InChild(pipe_[1], file_, true));
  // There is no launcher.
  EXPECT_FALSE(InChild(pipe_[1], terminal_, false));
  // The process itself writes to a file, so the launcher receives nothing.
  EXPECT_FALSE(InChild(file_, terminal_, true));
}

}  // namespace
}  // namespace mpaio
