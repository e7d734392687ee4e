// SPDX-License-Identifier: Apache-2.0

// One line that says how far a run has come.
//
//     add_int [########------------]  42% | 1.23 GB/s | 0:12 ETA 0:16            one job
//     add_int 42% 1.23 GB/s | concat 13% 5.10 Mrows/s | 0:12 ETA 1:20            two jobs
//     5 jobs, 2 done [########------------]  42% | 3.40 GB/s | 0:12 ETA 0:16     more
//
// The rate is the average since the first update; the ETA is what is left at that rate. The caller
// gives the time, so that nothing here asks for it.
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

namespace mpaio {

// Whether progress is shown.
enum class ProgressMode {
  kAuto,    // On a terminal only.
  kAlways,  // On a terminal as on one; elsewhere as plain lines.
  kNever,
};

// How far one job has come. `name` need live only for the call.
struct JobProgress {
  absl::string_view name;
  Index rows_done = 0;
  Index rows_total = 0;
  Index row_bytes = 0;  // 0: not known, and the rate is shown in rows.
};

struct ProgressOptions {
  ProgressMode mode = ProgressMode::kAuto;

  // Whether the sink is a terminal: then one line is drawn over and over with '\r', else lines
  // follow each other.
  bool terminal = false;

  // The shortest time between two lines.
  absl::Duration terminal_period = absl::Milliseconds(100);
  absl::Duration plain_period = absl::Seconds(1);
};

// Draws progress. Not thread-safe. Does nothing at all if the options ask for nothing to be shown.
class ProgressMeter {
 public:
  using Options = ProgressOptions;
  using Sink = std::function<void(absl::string_view)>;

  // `sink` takes pieces of text in order; called only from within the methods below.
  ProgressMeter(Options options, Sink sink);

  // Whether an update at `now` would draw. Two comparisons: for calling in a hot loop, before the
  // jobs are put together.
  bool Due(absl::Time now) const { return enabled_ && (now >= next_draw_ || now < last_draw_); }

  // Draws, if it is due. The first call draws, and sets the start: time and rates count from it,
  // and rows already done by then are in the percentage but not in the rate. Later calls must give
  // the same jobs in the same order.
  void MaybeUpdate(absl::Time now, std::span<const JobProgress> jobs);

  // Ends the drawing: takes the line off a terminal, or else writes a last one. To be called once,
  // at the end.
  void Finish(absl::Time now, std::span<const JobProgress> jobs);

  // Takes the line off a terminal, so that something else may be written; the next update, now due,
  // draws it again. Does nothing elsewhere.
  void Clear();

 private:
  void Draw(absl::Time now, std::span<const JobProgress> jobs);

  Options options_;
  Sink sink_;
  bool enabled_;
  absl::Time start_;
  absl::Time last_draw_ = absl::InfinitePast();
  absl::Time next_draw_ = absl::InfinitePast();
  std::optional<std::vector<Index>> rows_at_start_;
  std::size_t drawn_width_ = 0;  // Of what stands on the terminal's line.
};

// The line for `jobs` after `elapsed`, without an end of line and under 80 columns. `rows_at_start`
// has, for each job, the rows that were done before; it may be shorter than `jobs`, or empty.
std::string FormatProgressLine(std::span<const JobProgress> jobs,
                               std::span<const Index> rows_at_start, absl::Duration elapsed);

// Whether what is written to the standard error of this process shows on a terminal: it is one, or
// it is a pipe to a launcher on this host (mpirun) whose own is one.
bool StderrIsTerminal();

// Whether `path`, the target of a link in /proc/<pid>/fd, is a terminal: "/dev/pts/3", "/dev/tty1",
// "/dev/console".
bool IsTerminalPath(absl::string_view path);

}  // namespace mpaio

#endif  // MPAIO_TELEMETRY_PROGRESS_H_
