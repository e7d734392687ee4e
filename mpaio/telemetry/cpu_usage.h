// SPDX-License-Identifier: Apache-2.0

// Samples how busy each core of this host is during a run.
//
// Terms. A *tick* is the unit of /proc/stat, 10 ms on most systems. A core is *busy* in a tick
// unless it was idle or waiting for I/O. The usage of a core between two readings is busy ticks /
// all ticks, in percent.
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

// Ticks of one core since the host was started.
struct CoreTimes {
  int core = 0;  // The N of "cpuN".
  std::uint64_t busy_ticks = 0;
  std::uint64_t total_ticks = 0;

  friend bool operator==(const CoreTimes&, const CoreTimes&) = default;
};

// Parses `text`, the contents of /proc/stat. Returns the cores in ascending order of their numbers.
// Offline cores have no line, so numbers may be missing. Guest time is not added, because "user"
// and "nice" include it.
//
// Errors: InvalidArgument: `text` contains no core, or the line of a core cannot be parsed.
absl::StatusOr<std::vector<CoreTimes>> ParseProcStat(absl::string_view text);

// Returns the usage of each core between two readings in percent, in [0, 100]. Item c is for core
// number c; the last item is for the highest core number in either reading. An item is NaN if the
// core is missing in either reading, and 0 if no tick has passed.
//
// Example: core 0 has 100 busy of 1000 ticks before, and 130 of 1040 after: 100 * 30 / 40 = 75.
std::vector<double> UsageBetween(const std::vector<CoreTimes>& before,
                                 const std::vector<CoreTimes>& after);

// Usage of the cores between the previous sample (or the start) and this one.
struct CpuSample {
  double seconds = 0;           // Since the start of sampling.
  std::vector<double> percent;  // By core number; NaN: offline. See UsageBetween.
};

struct CpuUsage {
  std::vector<CpuSample> samples;  // In order of time.
};

// Writes `usage` to the file `path`, replacing it: a header "seconds,core_0,core_1,...", then one
// line for each sample. Seconds have three decimals and percentages one; the field of an offline
// core is empty.
//
// Errors: NotFound, PermissionDenied, ResourceExhausted, ...: the file cannot be opened or written,
// for the reason that the system gives.
absl::Status WriteCpuUsageCsv(const std::string& path, const CpuUsage& usage);

struct CpuSamplerOptions {
  // Returns the text to parse. Called from Start, from Stop and from the sampler's thread, never
  // concurrently. Empty: reads /proc/stat.
  std::function<absl::StatusOr<std::string>()> source;

  // The largest number of samples that are kept, at least 2. If there would be more, every second
  // one is dropped and the period doubles, so that all of a long run is recorded in bounded memory.
  // The default covers half an hour at 0.2 s, then up to an hour at 0.4 s, ...
  Index max_samples = 9000;
};

// Samples in a thread of its own, from Start to Stop. The thread calls only the source, and blocks
// all signals, so that signal handlers run in the program's other threads. Start and Stop must
// not be called concurrently.
class CpuSampler {
 public:
  using Options = CpuSamplerOptions;

  explicit CpuSampler(Options options = {});
  ~CpuSampler();  // Stops.
  CpuSampler(const CpuSampler&) = delete;
  CpuSampler& operator=(const CpuSampler&) = delete;

  // Takes the first reading and starts sampling every `period`; periods below 1 ms count as 1 ms.
  // After Stop it may be called again, and starts with no samples.
  //
  // Errors: FailedPrecondition: it is running. InvalidArgument: the period is not positive, or the
  // source's text cannot be parsed. ResourceExhausted: no thread could be created. Others: those of
  // the source.
  absl::Status Start(absl::Duration period = absl::Milliseconds(200));

  // Stops the thread without waiting for the end of the period, takes a last sample, so that even a
  // short run has one, and returns the samples. A further call returns the same samples; without
  // Start there are none. Failed readings are left out.
  CpuUsage Stop();

 private:
  using Clock = std::chrono::steady_clock;

  struct Reading {
    Clock::time_point time;
    std::vector<CoreTimes> cores;
  };

  absl::StatusOr<Reading> Read() const;
  // Called by the thread, and by Stop after the thread has ended, so never concurrently.
  void TakeReading();
  void Loop();

  const Options options_;
  std::mutex mutex_;
  std::condition_variable stop_requested_;
  bool stop_ = false;  // Guarded by mutex_.
  std::thread thread_;
  // Accessed only by the thread while it runs.
  Clock::duration period_{};
  std::vector<Reading> readings_;
};

}  // namespace mpaio

#endif  // MPAIO_TELEMETRY_CPU_USAGE_H_
