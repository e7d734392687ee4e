// SPDX-License-Identifier: Apache-2.0
#include "mpaio/telemetry/cpu_usage.h"

#include <signal.h>

#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <fstream>
#include <limits>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// On this machine core 1 is offline. The fields are: user nice system idle iowait irq softirq
// steal guest guest_nice.
constexpr char kText[] =
    "cpu  300 30 60 1500 15 3 6 9 120 12\n"
    "cpu0 100 10 20 500 5 1 2 3 40 4\n"
    "cpu2 200 20 40 1000 10 2 4 6 80 8\n"
    "intr 12345 0 9\n"
    "ctxt 999\n"
    "btime 1700000000\n";

// A core that has only user and idle time.
std::string Core(int core, std::uint64_t user, std::uint64_t idle) {
  return absl::StrCat("cpu", core, " ", user, " 0 0 ", idle, " 0 0 0 0 0 0\n");
}

TEST(ParseProcStatTest, CountsGuestsOnce) {
  const auto cores = ParseProcStat(kText);
  ASSERT_TRUE(cores.ok()) << cores.status();
  // Core 0 without guests: 641 ticks, 500 of them idle and 5 waiting for I/O.
  EXPECT_EQ(*cores, (std::vector<CoreTimes>{{0, 136, 641}, {2, 272, 1282}}));
}

TEST(ParseProcStatTest, AcceptsFewerFieldsAndAnyOrder) {
  const auto cores = ParseProcStat("cpu10 1 2 3 4\ncpu9 5 0 0 6");
  ASSERT_TRUE(cores.ok()) << cores.status();
  EXPECT_EQ(*cores, (std::vector<CoreTimes>{{9, 5, 11}, {10, 6, 10}}));
}

TEST(ParseProcStatTest, RefusesOtherText) {
  for (const char* text : {"", "cpu 1 2 3 4\n", "cpu0 1 2 3\n", "cpu0 1 2 x 4\n", "cpu0 1 2 -3 4\n",
                           "cpux 1 2 3 4\n", "hello\n"}) {
    EXPECT_EQ(ParseProcStat(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(UsageBetweenTest, IsTheShareOfBusyTicks) {
  EXPECT_EQ(UsageBetween({{0, 100, 1000}, {1, 7, 7}}, {{0, 130, 1040}, {1, 27, 27}}),
            (std::vector<double>{75, 100}));
  EXPECT_EQ(UsageBetween({{0, 100, 1000}}, {{0, 100, 1010}}), std::vector<double>{0});
  // No tick passed.
  EXPECT_EQ(UsageBetween({{0, 100, 1000}}, {{0, 100, 1000}}), std::vector<double>{0});
}

TEST(UsageBetweenTest, CoresAreMatchedByNumber) {
  // Core 1 goes offline, core 3 comes online.
  const std::vector<double> percent =
      UsageBetween({{0, 0, 0}, {1, 0, 0}, {2, 0, 0}}, {{0, 1, 10}, {2, 2, 10}, {3, 3, 10}});
  ASSERT_EQ(percent.size(), 4u);
  EXPECT_EQ(percent[0], 10);
  EXPECT_TRUE(std::isnan(percent[1]));
  EXPECT_EQ(percent[2], 20);
  EXPECT_TRUE(std::isnan(percent[3]));
}

TEST(UsageBetweenTest, CountersThatGoBackStayInRange) {
  // iowait decreased by 5 while the core was busy for 10 ticks: 10 busy ticks, but 5 ticks in
  // total.
  EXPECT_EQ(UsageBetween({{0, 100, 1000}}, {{0, 110, 1005}}), std::vector<double>{100});
  EXPECT_EQ(UsageBetween({{0, 100, 1000}}, {{0, 90, 900}}), std::vector<double>{0});
}

class CpuUsageCsvTest : public testing::Test {
 protected:
  static std::string Path(const std::string& name) { return testing::TempDir() + "/" + name; }
  static std::string Contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
};

TEST_F(CpuUsageCsvTest, WritesALineForEachSample) {
  const std::string path = Path("cpu_usage.csv");
  ASSERT_TRUE(WriteCpuUsageCsv(path, {{{0.2, {10, 99.96}}, {0.4004, {kNaN, 5, 33.33}}}}).ok());
  EXPECT_EQ(Contents(path),
            "seconds,core_0,core_1,core_2\n"
            "0.200,10.0,100.0,\n"
            "0.400,,5.0,33.3\n");
  // Replaces the old file.
  ASSERT_TRUE(WriteCpuUsageCsv(path, {}).ok());
  EXPECT_EQ(Contents(path), "seconds\n");
}

TEST_F(CpuUsageCsvTest, SaysWhyItCannotBeWritten) {
  const std::string path = Path("no_such_directory/cpu_usage.csv");
  const absl::Status status = WriteCpuUsageCsv(path, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find(path), absl::string_view::npos) << status;
  // A full disk.
  EXPECT_EQ(WriteCpuUsageCsv("/dev/full", {}).code(), absl::StatusCode::kResourceExhausted);
}

// Counts its readings, including failed ones. Reading number n reports n busy ticks of 2 n for
// core 0.
class CountingSource {
 public:
  absl::StatusOr<std::string> Read() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++readings_;
    changed_.notify_all();
    if (failing_) return absl::UnavailableError("nothing to read");
    return Core(0, readings_, readings_);
  }

  // Waits until there have been `readings` readings; returns false after a minute.
  bool AwaitReadings(std::uint64_t readings) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [&] { return readings_ >= readings; });
  }

  void SetFailing(bool failing) {
    const std::lock_guard<std::mutex> lock(mutex_);
    failing_ = failing;
  }

  std::uint64_t readings() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return readings_;
  }

  CpuSamplerOptions Options() {
    return {.source = [this] { return Read(); }};
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t readings_ = 0;
  bool failing_ = false;
};

TEST(CpuSamplerTest, StopTakesASampleAndDoesNotWaitForThePeriod) {
  CountingSource source;
  CpuSampler sampler(source.Options());
  ASSERT_TRUE(sampler.Start(absl::InfiniteDuration()).ok());
  const CpuUsage usage = sampler.Stop();  // If it waited for the period, the test would time out.
  ASSERT_EQ(usage.samples.size(), 1u);
  EXPECT_EQ(usage.samples[0].percent, std::vector<double>{50});
  EXPECT_GE(usage.samples[0].seconds, 0);
  EXPECT_EQ(source.readings(), 2u);
  // Again: the same, without a further reading.
  EXPECT_EQ(sampler.Stop().samples.size(), 1u);
  EXPECT_EQ(source.readings(), 2u);
}

TEST(CpuSamplerTest, SamplesEveryPeriod) {
  CountingSource source;
  CpuSampler sampler(source.Options());
  ASSERT_TRUE(sampler.Start(absl::Milliseconds(1)).ok());
  EXPECT_EQ(sampler.Start().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(source.AwaitReadings(6));
  const CpuUsage usage = sampler.Stop();
  EXPECT_EQ(usage.samples.size(), source.readings() - 1);
  EXPECT_GE(usage.samples.size(), 6u);
  double before = 0;
  for (const CpuSample& sample : usage.samples) {
    EXPECT_EQ(sample.percent, std::vector<double>{50});
    EXPECT_GE(sample.seconds, before);
    before = sample.seconds;
  }
}

TEST(CpuSamplerTest, StartsAgainWithoutTheOldSamples) {
  CountingSource source;
  CpuSampler sampler(source.Options());
  EXPECT_TRUE(sampler.Stop().samples.empty());
  ASSERT_TRUE(sampler.Start(absl::Milliseconds(1)).ok());
  ASSERT_TRUE(source.AwaitReadings(4));
  sampler.Stop();
  ASSERT_TRUE(sampler.Start(absl::Hours(1)).ok());
  EXPECT_EQ(sampler.Stop().samples.size(), 1u);
}

TEST(CpuSamplerTest, LongRunsAreThinnedOut) {
  CountingSource source;
  CpuSamplerOptions options = source.Options();
  options.max_samples = 4;
  CpuSampler sampler(options);
  ASSERT_TRUE(sampler.Start(absl::Milliseconds(1)).ok());
  ASSERT_TRUE(source.AwaitReadings(14));
  const CpuUsage usage = sampler.Stop();
  EXPECT_LE(usage.samples.size(), 4u);
  EXPECT_GE(usage.samples.size(), 2u);
  for (const CpuSample& sample : usage.samples) EXPECT_EQ(sample.percent, std::vector<double>{50});
}

TEST(CpuSamplerTest, LeavesOutReadingsThatFail) {
  CountingSource source;
  CpuSampler sampler(source.Options());
  ASSERT_TRUE(sampler.Start(absl::Milliseconds(1)).ok());
  source.SetFailing(true);
  const std::uint64_t readings_before = source.readings();
  ASSERT_TRUE(source.AwaitReadings(readings_before + 3));
  source.SetFailing(false);
  const CpuUsage usage = sampler.Stop();
  EXPECT_GE(usage.samples.size(), 1u);
  EXPECT_LE(usage.samples.size() + 3, source.readings() - 1);
}

TEST(CpuSamplerTest, SaysWhyItCannotStart) {
  CountingSource source;
  CpuSampler sampler(source.Options());
  EXPECT_EQ(sampler.Start(absl::ZeroDuration()).code(), absl::StatusCode::kInvalidArgument);
  source.SetFailing(true);
  EXPECT_EQ(sampler.Start().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(sampler.Stop().samples.empty());
  CpuSampler unreadable({.source = [] { return std::string("hello"); }});
  EXPECT_EQ(unreadable.Start().code(), absl::StatusCode::kInvalidArgument);
}

TEST(CpuSamplerTest, ThreadTakesNoSignals) {
  // The source records the signal mask: in the sampler's thread, and in this thread, whose mask
  // must be unchanged after Start.
  std::mutex mutex;
  std::vector<bool> blocked;
  {
    CountingSource source;
    CpuSampler sampler({.source = [&]() -> absl::StatusOr<std::string> {
      sigset_t mask;
      pthread_sigmask(SIG_SETMASK, nullptr, &mask);
      {
        const std::lock_guard<std::mutex> lock(mutex);
        blocked.push_back(sigismember(&mask, SIGTERM) == 1);
      }
      return source.Read();
    }});
    ASSERT_TRUE(sampler.Start(absl::Milliseconds(1)).ok());
    ASSERT_TRUE(source.AwaitReadings(2));
    sampler.Stop();
  }
  ASSERT_GE(blocked.size(), 3u);
  EXPECT_FALSE(blocked.front());
  EXPECT_TRUE(blocked[1]);
  EXPECT_FALSE(blocked.back());
}

TEST(CpuSamplerTest, ReadsThisMachine) {
  CpuSampler sampler;
  ASSERT_TRUE(sampler.Start(absl::Hours(1)).ok());
  const CpuUsage usage = sampler.Stop();
  ASSERT_EQ(usage.samples.size(), 1u);
  ASSERT_FALSE(usage.samples[0].percent.empty());
  bool any_known = false;
  for (double percent : usage.samples[0].percent) {
    if (std::isnan(percent)) continue;
    any_known = true;
    EXPECT_GE(percent, 0);
    EXPECT_LE(percent, 100);
  }
  EXPECT_TRUE(any_known);
}

}  // namespace
}  // namespace mpaio
