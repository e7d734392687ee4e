// SPDX-License-Identifier: Apache-2.0

// Formats one line that shows the progress of a run.
//
//     add_int [########------------]  42% | 1.23 GB/s | 0:12 ETA 0:16            one job
//     add_int 42% 1.23 GB/s | concat 13% 5.10 Mrows/s | 0:12 ETA 1:20            two jobs
//     5 jobs, 2 done [########------------]  42% | 3.40 GB/s | 0:12 ETA 0:16     more jobs
//
// The rate is the average since the first update, in rows where the bytes of a row are unknown (0);
// the ETA assumes that rate. The caller passes the time, so that this code reads no clock.
#ifndef MPAIO_TELEMETRY_PROGRESS_H_
#define MPAIO_TELEMETRY_PROGRESS_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "mpaio/base/index.h"
#include "mpaio/orchestration/run_statistics.h"

namespace mpaio {

// When progress is shown.
enum class ProgressMode {
  kAuto,    // On a terminal only.
  kAlways,  // Redrawn on a terminal; elsewhere as plain lines.
  kNever,
};

struct ProgressOptions {
  ProgressMode mode = ProgressMode::kAuto;

  // True if the sink is a terminal: one line is redrawn with '\r'. Otherwise lines follow each
  // other.
  bool terminal = false;

  // Minimum time between two lines.
  absl::Duration terminal_period = absl::Milliseconds(100);
  absl::Duration plain_period = absl::Seconds(1);
};

// Draws progress. Not thread-safe. Draws nothing if the options disable progress.
class ProgressMeter {
 public:
  using Options = ProgressOptions;
  using Sink = std::function<void(absl::string_view)>;

  // `sink` receives the text in order; it is called only from within the methods below.
  ProgressMeter(Options options, Sink sink);

  // Returns true if an update at `now` would draw. Costs two comparisons, so that a hot loop can
  // call it before it collects the progress of the jobs.
  bool Due(absl::Time now) const { return enabled_ && (now >= next_draw_ || now < last_draw_); }

  // Draws if it is due. The first call draws and sets the start: time and rates count from it, and
  // rows done before it count in the percentage but not in the rate. Later calls must pass the same
  // jobs in the same order.
  void MaybeUpdate(absl::Time now, std::span<const JobStats> jobs);

  // Ends the drawing: erases the line on a terminal; elsewhere writes a last line. Call it once, at
  // the end.
  void Finish(absl::Time now, std::span<const JobStats> jobs);

  // Erases the line on a terminal, so that other text may be written. The next update is then due
  // and draws the line again. Does nothing elsewhere.
  void Clear();

 private:
  void Draw(absl::Time now, std::span<const JobStats> jobs);

  Options options_;
  Sink sink_;
  bool enabled_;
  absl::Time start_;
  absl::Time last_draw_ = absl::InfinitePast();
  absl::Time next_draw_ = absl::InfinitePast();
  std::optional<std::vector<Index>> rows_at_start_;
  std::size_t drawn_width_ = 0;  // Width of the text on the terminal's line.
};

// Returns the line for `jobs` after `elapsed`, without a newline and under 80 columns.
// `rows_at_start` has, for each job, the rows that were done before the start; it may be shorter
// than `jobs`, or empty.
std::string FormatProgressLine(std::span<const JobStats> jobs, std::span<const Index> rows_at_start,
                               absl::Duration elapsed);

// Returns true if text on the standard error of this process appears on a terminal: it is one, or
// it is a pipe to a launcher on this host (mpirun) whose own standard error is one.
bool StderrIsTerminal();

// Returns true if `path`, the target of a link in /proc/<pid>/fd, is a terminal: "/dev/pts/3",
// "/dev/tty1", "/dev/console".
bool IsTerminalPath(absl::string_view path);

}  // namespace mpaio

#endif  // MPAIO_TELEMETRY_PROGRESS_H_
