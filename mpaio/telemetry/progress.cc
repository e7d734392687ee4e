// SPDX-License-Identifier: Apache-2.0
#include "mpaio/telemetry/progress.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "mpaio/launcher/launcher.h"
#include "mpaio/telemetry/si_format.h"

namespace mpaio {
namespace {

constexpr std::size_t kMaxWidth = 79;
constexpr int kBarWidth = 20;

// The work done and the total work of one job or of all jobs, in bytes or rows.
struct Amount {
  double at_start = 0;
  double done = 0;
  double total = 0;
  bool in_bytes = false;

  // 0 to 1; 1 if there is nothing to do.
  double Fraction() const { return total > 0 ? std::clamp(done / total, 0.0, 1.0) : 1.0; }
  // Rounded down, so that 100 % is shown only when all is done.
  int Percent() const { return static_cast<int>(Fraction() * 100); }
  double Rate(absl::Duration elapsed) const {
    return elapsed > absl::ZeroDuration()
               ? std::max(done - at_start, 0.0) / absl::ToDoubleSeconds(elapsed)
               : 0;
  }
};

Index RowsAtStart(std::span<const Index> rows_at_start, std::size_t job) {
  return job < rows_at_start.size() ? rows_at_start[job] : 0;
}

Amount AmountOf(const JobStats& job, Index rows_at_start, bool in_bytes) {
  const double unit = in_bytes ? static_cast<double>(job.row_bytes) : 1;
  return {unit * static_cast<double>(rows_at_start), unit * static_cast<double>(job.rows_done),
          unit * static_cast<double>(job.rows), in_bytes};
}

// In bytes if all jobs know them, else in rows.
Amount SumOf(std::span<const JobStats> jobs, std::span<const Index> rows_at_start) {
  Amount sum;
  sum.in_bytes =
      std::all_of(jobs.begin(), jobs.end(), [](const JobStats& job) { return job.row_bytes > 0; });
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const Amount amount = AmountOf(jobs[i], RowsAtStart(rows_at_start, i), sum.in_bytes);
    sum.at_start += amount.at_start;
    sum.done += amount.done;
    sum.total += amount.total;
  }
  return sum;
}

std::string Rate(const Amount& amount, absl::Duration elapsed) {
  return FormatSi(amount.Rate(elapsed), amount.in_bytes ? "B/s" : "rows/s");
}

// "0:09", "12:34", "1:02:03"; "-:--" for a time that is not known.
std::string Clock(absl::Duration time) {
  if (time > absl::Hours(999)) return "-:--";
  const std::int64_t seconds = std::max(absl::ToInt64Seconds(time), std::int64_t{0});
  if (seconds < 3600) return absl::StrFormat("%d:%02d", seconds / 60, seconds % 60);
  return absl::StrFormat("%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string Times(const Amount& sum, absl::Duration elapsed) {
  if (sum.done >= sum.total) return Clock(elapsed);
  const double rate = sum.Rate(elapsed);
  const absl::Duration left =
      rate > 0 ? absl::Seconds((sum.total - sum.done) / rate) : absl::InfiniteDuration();
  return absl::StrCat(Clock(elapsed), " ETA ", Clock(left));
}

std::string Bar(double fraction) {
  const int full = static_cast<int>(fraction * kBarWidth);
  return absl::StrCat("[", std::string(static_cast<std::size_t>(full), '#'),
                      std::string(static_cast<std::size_t>(kBarWidth - full), '-'), "]");
}

// Returns `name` in at most `width` columns. Replaces bytes that would move the cursor, and does
// not cut a UTF-8 character in half.
std::string Shortened(absl::string_view name, std::size_t width) {
  std::string shown;
  for (char c : name) shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  if (shown.size() <= width) return shown;
  std::size_t cut = width - 2;
  while (cut > 0 && (static_cast<unsigned char>(shown[cut]) & 0xc0) == 0x80) --cut;
  return shown.substr(0, cut) + "..";
}

}  // namespace

std::string FormatProgressLine(std::span<const JobStats> jobs, std::span<const Index> rows_at_start,
                               absl::Duration elapsed) {
  const Amount sum = SumOf(jobs, rows_at_start);
  std::string line;
  if (jobs.size() == 2) {
    for (std::size_t i = 0; i < 2; ++i) {
      const Amount amount = AmountOf(jobs[i], RowsAtStart(rows_at_start, i), jobs[i].row_bytes > 0);
      absl::StrAppend(&line, Shortened(jobs[i].worker, 10), " ", amount.Percent(), "% ",
                      Rate(amount, elapsed), " | ");
    }
    absl::StrAppend(&line, Times(sum, elapsed));
  } else {
    const auto done = std::count_if(jobs.begin(), jobs.end(),
                                    [](const JobStats& job) { return job.rows_done >= job.rows; });
    absl::StrAppend(&line,
                    jobs.size() == 1 ? Shortened(jobs[0].worker, 20)
                                     : absl::StrCat(jobs.size(), " jobs, ", done, " done"),
                    " ", Bar(sum.Fraction()), absl::StrFormat(" %3d%% | ", sum.Percent()),
                    Rate(sum, elapsed), " | ", Times(sum, elapsed));
  }
  if (line.size() > kMaxWidth) line.resize(kMaxWidth);
  return line;
}

ProgressMeter::ProgressMeter(Options options, Sink sink)
    : options_(options),
      sink_(std::move(sink)),
      enabled_(sink_ && (options.mode == ProgressMode::kAlways ||
                         (options.mode == ProgressMode::kAuto && options.terminal))) {}

void ProgressMeter::MaybeUpdate(absl::Time now, std::span<const JobStats> jobs) {
  if (Due(now)) Draw(now, jobs);
}

void ProgressMeter::Finish(absl::Time now, std::span<const JobStats> jobs) {
  if (!enabled_) return;
  if (options_.terminal) {
    Clear();
  } else {
    Draw(now, jobs);
  }
}

void ProgressMeter::Clear() {
  if (drawn_width_ == 0) return;
  sink_(absl::StrCat("\r", std::string(drawn_width_, ' '), "\r"));
  drawn_width_ = 0;
  next_draw_ = absl::InfinitePast();
}

void ProgressMeter::Draw(absl::Time now, std::span<const JobStats> jobs) {
  if (!rows_at_start_.has_value()) {
    start_ = now;
    rows_at_start_.emplace();
    for (const JobStats& job : jobs) rows_at_start_->push_back(job.rows_done);
  }
  std::string line = FormatProgressLine(jobs, *rows_at_start_, now - start_);
  last_draw_ = now;
  next_draw_ = now + (options_.terminal ? options_.terminal_period : options_.plain_period);
  if (!options_.terminal) {
    sink_(line + "\n");
    return;
  }
  // Written in one piece, so that a launcher does not forward half a line; spaces cover the rest of
  // a longer previous line.
  const std::size_t width = line.size();
  if (width < drawn_width_) line.append(drawn_width_ - width, ' ');
  drawn_width_ = width;
  sink_("\r" + line);
}

bool IsTerminalPath(absl::string_view path) {
  return absl::StartsWith(path, "/dev/pts/") || absl::StartsWith(path, "/dev/tty") ||
         path == "/dev/console";
}

bool StderrIsTerminal() {
  if (::isatty(STDERR_FILENO) != 0) return true;
  // mpirun gives each rank a pipe as standard error, and copies the contents to its own.
  if (!ReadLaunch().is_open_mpi) return false;
  struct stat stderr_stat;
  if (::fstat(STDERR_FILENO, &stderr_stat) != 0) return false;
  if (!S_ISFIFO(stderr_stat.st_mode) && !S_ISSOCK(stderr_stat.st_mode)) return false;
  std::array<char, 256> target;
  const std::string link = absl::StrCat("/proc/", ::getppid(), "/fd/2");
  const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
  return length > 0 &&
         IsTerminalPath(absl::string_view(target.data(), static_cast<std::size_t>(length)));
}

}  // namespace mpaio
