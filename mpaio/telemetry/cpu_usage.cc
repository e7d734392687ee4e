// SPDX-License-Identifier: Apache-2.0
#include "mpaio/telemetry/cpu_usage.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/host/file_descriptor.h"
#include "mpaio/host/text_file.h"

namespace mpaio {
namespace {

constexpr char kProcStat[] = "/proc/stat";

absl::StatusOr<std::string> ReadProcStat() {
  const FileDescriptor fd(::open(kProcStat, O_RDONLY | O_CLOEXEC));
  if (!fd.is_open())
    return absl::ErrnoToStatus(errno, "cannot open /proc/stat, which CPU usage is read from");
  std::string text;
  std::array<char, 16384> part;
  while (true) {
    const ssize_t got = ::read(fd.get(), part.data(), part.size());
    if (got > 0) {
      text.append(part.data(), static_cast<std::size_t>(got));
    } else if (got == 0) {
      return text;
    } else if (errno != EINTR) {
      return absl::ErrnoToStatus(errno, "cannot read /proc/stat, which CPU usage is read from");
    }
  }
}

// Returns the number N of a label "cpuN", or nothing for another label, such as "cpu", the sum of
// all cores.
std::optional<int> CoreNumber(absl::string_view label) {
  int core = 0;
  if (label.substr(0, 3) != "cpu" || !absl::SimpleAtoi(label.substr(3), &core) || core < 0)
    return std::nullopt;
  return core;
}

// A counter that went backwards counts as unchanged: proc(5) says that iowait may decrease.
std::uint64_t Difference(std::uint64_t before, std::uint64_t after) {
  return after > before ? after - before : 0;
}

}  // namespace

absl::StatusOr<std::vector<CoreTimes>> ParseProcStat(absl::string_view text) {
  // The fields after the label, as in proc(5). guest and guest_nice come next; user and nice
  // include them. Old kernels have fewer fields, but at least those up to idle.
  enum Field { kUser, kNice, kSystem, kIdle, kIowait, kIrq, kSoftirq, kSteal, kNumFields };
  std::vector<CoreTimes> cores;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words.empty()) continue;
    const std::optional<int> core = CoreNumber(words[0]);
    if (!core.has_value()) continue;
    std::array<std::uint64_t, kNumFields> ticks{};
    const std::size_t given = std::min(words.size() - 1, ticks.size());
    bool readable = given > kIdle;
    for (std::size_t i = 0; i < given; ++i)
      readable = readable && absl::SimpleAtoi(words[i + 1], &ticks[i]);
    if (!readable) {
      return absl::InvalidArgumentError(absl::StrCat(
          "not a line of /proc/stat: \"", line, "\"; CPU usage cannot be measured on this system"));
    }
    CoreTimes times{.core = *core};
    for (std::uint64_t count : ticks) times.total_ticks += count;
    times.busy_ticks = times.total_ticks - ticks[kIdle] - ticks[kIowait];
    cores.push_back(times);
  }
  if (cores.empty()) {
    return absl::InvalidArgumentError(
        "/proc/stat names no core; CPU usage cannot be measured on this system");
  }
  std::sort(cores.begin(), cores.end(),
            [](const CoreTimes& a, const CoreTimes& b) { return a.core < b.core; });
  return cores;
}

std::vector<double> UsageBetween(const std::vector<CoreTimes>& before,
                                 const std::vector<CoreTimes>& after) {
  int highest = -1;
  for (const std::vector<CoreTimes>* cores : {&before, &after}) {
    for (const CoreTimes& times : *cores) highest = std::max(highest, times.core);
  }
  std::vector<double> percent(static_cast<std::size_t>(highest + 1),
                              std::numeric_limits<double>::quiet_NaN());
  for (const CoreTimes& now : after) {
    const auto then = std::find_if(before.begin(), before.end(), [&now](const CoreTimes& times) {
      return times.core == now.core;
    });
    if (then == before.end()) continue;
    const double total = static_cast<double>(Difference(then->total_ticks, now.total_ticks));
    const double busy =
        std::min(static_cast<double>(Difference(then->busy_ticks, now.busy_ticks)), total);
    percent[static_cast<std::size_t>(now.core)] = total > 0 ? 100 * busy / total : 0;
  }
  return percent;
}

absl::Status WriteCpuUsageCsv(const std::string& path, const CpuUsage& usage) {
  std::size_t num_cores = 0;
  for (const CpuSample& sample : usage.samples)
    num_cores = std::max(num_cores, sample.percent.size());
  std::string text = "seconds";
  for (std::size_t core = 0; core < num_cores; ++core) absl::StrAppend(&text, ",core_", core);
  text += '\n';
  for (const CpuSample& sample : usage.samples) {
    absl::StrAppendFormat(&text, "%.3f", sample.seconds);
    for (std::size_t core = 0; core < num_cores; ++core) {
      text += ',';
      const bool known = core < sample.percent.size() && !std::isnan(sample.percent[core]);
      if (known) absl::StrAppendFormat(&text, "%.1f", sample.percent[core]);
    }
    text += '\n';
  }
  return WriteTextFile(path, text, "CPU usage");
}

CpuSampler::CpuSampler(Options options) : options_(std::move(options)) {}

CpuSampler::~CpuSampler() { Stop(); }

absl::Status CpuSampler::Start(absl::Duration period) {
  if (thread_.joinable())
    return absl::FailedPreconditionError("CPU usage is being sampled already; stop it first");
  if (period <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat("the period of sampling CPU usage is ",
                                                   absl::FormatDuration(period),
                                                   "; give a positive one"));
  }
  MPAIO_ASSIGN_OR_RETURN(Reading first, Read());
  readings_.clear();
  readings_.push_back(std::move(first));
  // A year stands for "never": an infinite duration added to the clock would overflow.
  period = std::clamp(period, absl::Milliseconds(1), absl::Hours(24 * 365));
  period_ = std::chrono::duration_cast<Clock::duration>(absl::ToChronoNanoseconds(period));
  stop_ = false;

  // A new thread inherits the signal mask of the thread that creates it.
  sigset_t all;
  sigset_t mask;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &mask);
  absl::Status status;
  try {
    thread_ = std::thread(&CpuSampler::Loop, this);
  } catch (const std::system_error& error) {
    status = absl::ResourceExhaustedError(
        absl::StrCat("cannot create the thread that samples CPU usage: ", error.what()));
  }
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  return status;
}

CpuUsage CpuSampler::Stop() {
  if (thread_.joinable()) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
    }
    stop_requested_.notify_one();
    thread_.join();
    TakeReading();
  }
  CpuUsage usage;
  for (std::size_t i = 1; i < readings_.size(); ++i) {
    usage.samples.push_back(
        {std::chrono::duration<double>(readings_[i].time - readings_[0].time).count(),
         UsageBetween(readings_[i - 1].cores, readings_[i].cores)});
  }
  return usage;
}

absl::StatusOr<CpuSampler::Reading> CpuSampler::Read() const {
  MPAIO_ASSIGN_OR_RETURN(const std::string text,
                         options_.source ? options_.source() : ReadProcStat());
  const Clock::time_point time = Clock::now();
  MPAIO_ASSIGN_OR_RETURN(std::vector<CoreTimes> cores, ParseProcStat(text));
  return Reading{time, std::move(cores)};
}

void CpuSampler::TakeReading() {
  absl::StatusOr<Reading> reading = Read();
  if (!reading.ok()) return;
  // There is one more reading than samples. Dropping readings costs only resolution, because the
  // counters in a reading cover all the time before it.
  if (static_cast<Index>(readings_.size()) > std::max(options_.max_samples, Index{2})) {
    std::size_t kept = 1;
    for (std::size_t i = 2; i < readings_.size(); i += 2)
      readings_[kept++] = std::move(readings_[i]);
    readings_.resize(kept);
    period_ *= 2;
  }
  readings_.push_back(*std::move(reading));
}

void CpuSampler::Loop() {
  Clock::time_point next = readings_[0].time + period_;
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stop_requested_.wait_until(lock, next, [this] { return stop_; })) {
    lock.unlock();
    TakeReading();
    // A late reading must not lead to a burst of readings to catch up.
    next = std::max(next + period_, Clock::now());
    lock.lock();
  }
}

}  // namespace mpaio
