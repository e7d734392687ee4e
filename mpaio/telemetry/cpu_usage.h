// SPDX-License-Identifier: Apache-2.0

// How busy each core of this host is, sampled while a run goes on.
//
// Terms. A *tick* is the unit of /proc/stat, 10 ms on most systems. A core is *busy* in a tick
// unless it was idle or waiting for input or output. The usage of a core between two readings is
// busy ticks / all ticks, in percent.
//
// All processes of the host are counted, not only those of the run.
#ifndef MPAIO_TELEMETRY_CPU_USAGE_H_
#define MPAIO_TELEMETRY_CPU_USAGE_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "mpaio/base/index.h"

namespace mpaio {

// The ticks of one core since the host was started.
struct CoreTimes {
  int core = 0;  // The N of "cpuN".
  std::uint64_t busy_ticks = 0;
  std::uint64_t total_ticks = 0;

  friend bool operator==(const CoreTimes&, const CoreTimes&) = default;
};

// The cores named in `text`, the contents of /proc/stat, in ascending order of their numbers. Cores
// that are offline have no line there, so that numbers may be missing. The time of guests is not
// added: "user" and "nice" hold it already.
//
// InvalidArgument: no core in it, or a core's line that cannot be read.
absl::StatusOr<std::vector<CoreTimes>> ParseProcStat(absl::string_view text);

// The percentage of each core between two readings, in [0, 100]; item c is for core number c, and
// there are as many items as the highest number in either asks for. NaN: the core was offline at
// one of them. 0 where no tick has passed.
//
// Worked example: core 0 has 100 busy of 1000 ticks before, and 130 of 1040 after: 100 * 30 / 40 =
// 75.
std::vector<double> UsageBetween(const std::vector<CoreTimes>& before,
                                 const std::vector<CoreTimes>& after);

// The usage of the cores between the previous sample (or the start) and this one.
struct CpuSample {
  double seconds = 0;           // Since the start of sampling.
  std::vector<double> percent;  // By core number; NaN: offline. See UsageBetween.
};

struct CpuUsage {
  std::vector<CpuSample> samples;  // In order of time.
};

// Writes `usage` to the file `path`, replacing it: a header "seconds,core_0,core_1,...", then one
// line for each sample. Seconds have three decimals and percentages one; the field of a core that
// was offline is empty.
//
// NotFound, PermissionDenied, ResourceExhausted, ...: the file cannot be opened or written, as the
// system says.
absl::Status WriteCpuUsageCsv(const std::string& path, const CpuUsage& usage);

struct CpuSamplerOptions {
  // Gives the text to parse; called from Start, from Stop and from the sampler's thread, never
  // twice at once. Empty: reads /proc/stat.
  std::function<absl::StatusOr<std::string>()> source;

  // The samples kept, at least 2. When there would be more, every second one is dropped and the
  // period doubles, so that a long run is recorded as a whole in bounded memory. The default is
  // half an hour at 0.2 s, and then up to an hour at 0.4 s, ...
  Index max_samples = 9000;
};

// Samples in a thread of its own, from Start to Stop. The thread calls nothing but the source, and
// has all signals blocked, so that handlers run in the threads they were meant for. Start and Stop
// are for one thread at a time.
class CpuSampler {
 public:
  using Options = CpuSamplerOptions;

  explicit CpuSampler(Options options = {});
  ~CpuSampler();  // Stops.
  CpuSampler(const CpuSampler&) = delete;
  CpuSampler& operator=(const CpuSampler&) = delete;

  // Takes the first reading, and starts sampling every `period` (of a millisecond at least, else
  // that), anew if it was stopped before.
  //
  // FailedPrecondition: it is running. InvalidArgument: the period is not positive, or the source's
  // text cannot be read. ResourceExhausted: no thread to be had. Any other: as the source says.
  absl::Status Start(absl::Duration period = absl::Milliseconds(200));

  // Takes a last sample, so that even a short run has one, stops the thread without waiting for the
  // period to pass, and returns what was sampled. Called again, returns the same; never started,
  // nothing. Readings that failed are left out.
  CpuUsage Stop();

 private:
  using Clock = std::chrono::steady_clock;

  struct Reading {
    Clock::time_point time;
    std::vector<CoreTimes> cores;
  };

  absl::StatusOr<Reading> Read() const;
  void
  TakeReading();  // Called without contention: by the thread, or by Stop when the thread has ended.
  void Loop();

  const Options options_;
  std::mutex mutex_;
  std::condition_variable stop_requested_;
  bool stop_ = false;  // Guarded by mutex_.
  std::thread thread_;
  // Touched by the thread alone while it runs.
  Clock::duration period_{};
  std::vector<Reading> readings_;
};

}  // namespace mpaio

#endif  // MPAIO_TELEMETRY_CPU_USAGE_H_
