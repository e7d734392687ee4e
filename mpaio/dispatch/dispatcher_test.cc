// SPDX-License-Identifier: Apache-2.0
#include "mpaio/dispatch/dispatcher.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <iostream>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

const std::vector<ChunkId> kNoneDelivered = {0, 0, 0, 0};

// Calls Next() until it returns nothing, at most `most` times. Returns the lengths.
std::vector<Index> Lengths(Dispatcher& dispatcher, int most = 1 << 20) {
  std::vector<Index> lengths;
  while (static_cast<int>(lengths.size()) < most) {
    const std::optional<Assignment> assignment = dispatcher.Next(kNoneDelivered);
    if (!assignment) break;
    lengths.push_back(assignment->chunks.size());
  }
  return lengths;
}

// Returns the number of pending chunks of all jobs, in tests with few chunks.
Index Pending(const Dispatcher& dispatcher) {
  Index pending = 0;
  while (dispatcher.has_pending_over(pending)) ++pending;
  return pending;
}

// P = 2, credits = 4: a range is a sixteenth of the pending chunks. The first 4 are single chunks:
// 996 / 16 = 62, 934 / 16 = 58, ...
TEST(DispatcherTest, RangesShrinkWithWhatIsLeft) {
  Dispatcher dispatcher({1000}, {.processors = 2, .credits = 4});
  EXPECT_EQ(Lengths(dispatcher), (std::vector<Index>{1, 1, 1, 1}));
  dispatcher.OnResults(0, 1, 20e-6, 8);
  EXPECT_EQ(Lengths(dispatcher, 5), (std::vector<Index>{62, 58, 54, 51, 48}));
  const std::vector<Index> rest = Lengths(dispatcher);
  EXPECT_TRUE(std::is_sorted(rest.rbegin(), rest.rend()));
  // The last 16 are single chunks.
  EXPECT_EQ(std::vector<Index>(rest.end() - 16, rest.end()), std::vector<Index>(16, 1));
  EXPECT_EQ(Pending(dispatcher), 0);
}

TEST(DispatcherTest, ChunksAreGivenOnceAndInOrder) {
  Dispatcher dispatcher({500}, {.processors = 3, .credits = 2});
  ChunkId next = 0;
  for (std::optional<Assignment> a = dispatcher.Next({0}); a; a = dispatcher.Next({0})) {
    EXPECT_EQ(a->job, 0);
    EXPECT_EQ(a->attempt, 0);
    EXPECT_EQ(a->chunks.begin, next);
    next = a->chunks.end;
    dispatcher.OnResults(0, a->chunks.size(), 1e-6, 0);
  }
  EXPECT_EQ(next, 500);
}

TEST(DispatcherTest, ARangeTakesNoLongerThanTheTarget) {
  for (const auto& [seconds, length] : std::vector<std::pair<double, Index>>{
           {0.0001, 62}, {0.001, 20}, {0.0035, 5}, {0.015, 1}, {0.050, 1}, {0, 62}}) {
    Dispatcher dispatcher({1000}, {.processors = 2, .credits = 4, .target_seconds = 0.020});
    ASSERT_EQ(Lengths(dispatcher).size(), 4u);
    dispatcher.OnResults(0, 2, 2 * seconds, 16);
    const std::optional<Assignment> next = dispatcher.Next({0});
    ASSERT_TRUE(next.has_value());
    EXPECT_EQ(next->chunks.size(), length) << seconds;
    EXPECT_DOUBLE_EQ(dispatcher.ExpectedSeconds(next->job, next->chunks.size()),
                     static_cast<double>(length) * seconds);
  }
}

// P = 2, credits = 4, chunks of 100 ns: a sixteenth of the 996 pending chunks would be 62 chunks,
// which take 6 µs.
TEST(DispatcherTest, ARangeTakesAsLongAsItsMessagesAreWorth) {
  Dispatcher dispatcher({1000}, {.processors = 2, .credits = 4, .least_seconds = 20e-6});
  ASSERT_EQ(Lengths(dispatcher).size(), 4u);
  dispatcher.OnResults(0, 2, 0.2e-6, 16);
  EXPECT_EQ(Lengths(dispatcher), (std::vector<Index>{200, 200, 200, 200, 196}));
}

// Until a job's first results arrive, at most two single chunks for each processor are in flight.
TEST(DispatcherTest, EveryJobIsProbed) {
  Dispatcher dispatcher({100, 1, 0, 100}, {.processors = 3});
  std::map<int, Index> given;
  while (const std::optional<Assignment> a = dispatcher.Next(kNoneDelivered)) {
    EXPECT_EQ(a->chunks.size(), 1);
    EXPECT_EQ(dispatcher.ExpectedSeconds(a->job, a->chunks.size()), 0);
    ++given[a->job];
  }
  EXPECT_EQ(given, (std::map<int, Index>{{0, 6}, {1, 1}, {3, 6}}));
  // Results of one job do not unblock the others.
  dispatcher.OnResults(3, 1, 1e-6, 8);
  const std::optional<Assignment> next = dispatcher.Next(kNoneDelivered);
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->job, 3);
  EXPECT_EQ(Pending(dispatcher), 94 + 94 - next->chunks.size());
}

// One processor, one credit: a range is half of the pending chunks. Each result has 100 bytes;
// 1,000 bytes may be held.
TEST(DispatcherTest, HeldAndExpectedResultsStayWithinTheBudget) {
  Dispatcher dispatcher({100}, {.processors = 1, .credits = 1, .result_budget_bytes = 1000});
  ASSERT_EQ(Lengths(dispatcher), (std::vector<Index>{1, 1}));
  dispatcher.OnResults(0, 1, 1e-6, 100);
  dispatcher.OnResults(0, 1, 1e-6, 100);
  EXPECT_EQ(dispatcher.held_bytes(), 200);
  EXPECT_EQ(Lengths(dispatcher), (std::vector<Index>{8}));
  dispatcher.OnResults(0, 8, 1e-6, 800);
  EXPECT_EQ(Lengths(dispatcher), std::vector<Index>{});
  dispatcher.OnDelivered(250);
  EXPECT_EQ(Lengths(dispatcher), (std::vector<Index>{2}));
  dispatcher.OnDelivered(750);
  EXPECT_EQ(dispatcher.held_bytes(), 0);
  EXPECT_EQ(Lengths(dispatcher), (std::vector<Index>{8}));
}

TEST(DispatcherTest, TheBudgetIsSharedByTheJobs) {
  Dispatcher dispatcher({100, 100}, {.processors = 1, .credits = 1, .result_budget_bytes = 1000});
  ASSERT_EQ(Lengths(dispatcher).size(), 4u);
  dispatcher.OnResults(0, 2, 1e-6, 900);
  dispatcher.OnResults(1, 2, 2e-6, 20);
  // 80 bytes are left: no result of job 0 (450 bytes each) fits, but 8 of job 1 (10 bytes each) do.
  const std::optional<Assignment> next = dispatcher.Next(kNoneDelivered);
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(*next, (Assignment{1, 0, {2, 10}}));
  EXPECT_EQ(dispatcher.Next(kNoneDelivered), std::nullopt);
}

TEST(DispatcherTest, TheFrontierIsAlwaysLetThroughAlone) {
  for (const Index budget : {Index{0}, Index{1}}) {
    Dispatcher dispatcher({5}, {.processors = 2, .result_budget_bytes = budget});
    for (ChunkId chunk = 0; chunk < 5; ++chunk) {
      // While their size is unknown, a few results are let through as long as any budget is left.
      if (budget > 0 && chunk < 4) {
        EXPECT_EQ(dispatcher.Next({0})->chunks, (ChunkRange{chunk, chunk + 1}));
        continue;
      }
      if (budget > 0) dispatcher.OnResults(0, 4, 1e-6, 4000);
      EXPECT_EQ(dispatcher.Next({chunk})->chunks, (ChunkRange{chunk, chunk + 1}));
      EXPECT_EQ(dispatcher.Next({chunk}), std::nullopt) << "while the frontier is in flight";
      dispatcher.OnResults(0, 1, 1e-6, 1000);
      EXPECT_EQ(dispatcher.Next({chunk}), std::nullopt) << "while its result is held";
      dispatcher.OnDelivered(1000);
    }
  }
}

// Job 0 holds more than the budget, but job 1's results take no bytes.
TEST(DispatcherTest, ResultsWithoutBytesAlwaysFit) {
  Dispatcher dispatcher({10, 64}, {.processors = 1, .credits = 1, .result_budget_bytes = 100});
  ASSERT_EQ(Lengths(dispatcher).size(), 4u);
  dispatcher.OnResults(0, 2, 1e-6, 5000);
  dispatcher.OnResults(1, 2, 40e-6, 0);
  EXPECT_EQ(*dispatcher.Next(kNoneDelivered), (Assignment{1, 0, {2, 33}}));
}

TEST(DispatcherTest, JobsAdvanceAtTheSamePaceInTime) {
  const std::vector<double> seconds = {0.005, 0.00001, 0.0004};
  Dispatcher dispatcher({2000, 200'000, 20'000}, {.processors = 2, .target_seconds = 0.020});
  std::vector<double> given = {0, 0, 0};
  // The jobs take 10, 2 and 8 seconds: all three are active for the first 6.
  for (double all = 0; all < 5.7;) {
    const std::optional<Assignment> a = dispatcher.Next(kNoneDelivered);
    ASSERT_TRUE(a.has_value());
    const auto j = static_cast<std::size_t>(a->job);
    const double cost = seconds[j] * static_cast<double>(a->chunks.size());
    given[j] += cost;
    all += cost;
    dispatcher.OnResults(a->job, a->chunks.size(), cost, 8);
    EXPECT_LE(*std::max_element(given.begin(), given.end()) -
                  *std::min_element(given.begin(), given.end()),
              0.0401);
  }
}

// Chunks assigned before their cost was known count too: 2 chunks of 1 s balance 100,000 of 20 µs.
TEST(DispatcherTest, ProbesAreChargedWhenTheirCostIsKnown) {
  Dispatcher dispatcher({1000, 1'000'000}, {.processors = 1});
  ASSERT_EQ(Lengths(dispatcher).size(), 4u);
  dispatcher.OnResults(1, 2, 40e-6, 16);
  dispatcher.OnResults(0, 1, 1, 8);
  double given = 0;
  for (;;) {
    const std::optional<Assignment> a = dispatcher.Next(kNoneDelivered);
    ASSERT_TRUE(a.has_value());
    if (a->job == 0) break;
    given += dispatcher.ExpectedSeconds(a->job, a->chunks.size());
  }
  EXPECT_NEAR(given, 2, 0.021);
}

TEST(DispatcherTest, ReturnedChunksGoFirstWithTheirAttempt) {
  Dispatcher dispatcher({100}, {.processors = 1, .credits = 1});
  ASSERT_EQ(Lengths(dispatcher).size(), 2u);
  dispatcher.OnResults(0, 2, 40e-6, 16);
  EXPECT_EQ(dispatcher.Next({0})->chunks, (ChunkRange{2, 51}));
  EXPECT_EQ(dispatcher.Next({0})->chunks, (ChunkRange{51, 75}));
  dispatcher.Return({0, 1, {60, 75}});
  dispatcher.Return({0, 1, {10, 20}});
  // These are pending already.
  dispatcher.Return({0, 1, {12, 15}});
  EXPECT_EQ(Pending(dispatcher), 50);
  EXPECT_EQ(*dispatcher.Next({0}), (Assignment{0, 1, {10, 20}}));
  EXPECT_EQ(*dispatcher.Next({0}), (Assignment{0, 1, {60, 75}}));
  EXPECT_EQ(*dispatcher.Next({0}), (Assignment{0, 0, {75, 87}}));
  dispatcher.Return({0, 2, {60, 75}});
  EXPECT_EQ(dispatcher.Next({0})->attempt, 2);
}

TEST(DispatcherTest, ReturnedChunksThatAreDoneAreNotAssignedAgain) {
  Dispatcher dispatcher({100}, {.processors = 2, .schedule = ScheduleKind::kStatic});
  ASSERT_EQ(dispatcher.Next({0}, 0)->chunks, (ChunkRange{0, 50}));
  dispatcher.Return({0, 1, {10, 40}});
  dispatcher.Drop(0, {20, 25});
  EXPECT_EQ(Pending(dispatcher), 75);
  dispatcher.Drop(0, {0, 12});
  EXPECT_EQ(Pending(dispatcher), 73);
  dispatcher.OnResults(0, 25, 1, 0, 0);
  EXPECT_EQ(*dispatcher.Next({0}, 0), (Assignment{0, 1, {12, 20}}));
  EXPECT_EQ(*dispatcher.Next({0}, 0), (Assignment{0, 1, {25, 40}}));
  EXPECT_EQ(dispatcher.Next({0}, 0), std::nullopt);
}

TEST(DispatcherTest, ChunksOfARetiredProcessorGoToOthers) {
  Dispatcher dispatcher({10}, {.processors = 2, .schedule = ScheduleKind::kStatic});
  EXPECT_EQ(*dispatcher.Next({0}, 1), (Assignment{0, 0, {5, 10}}));
  EXPECT_EQ(dispatcher.Next({0}, 1), std::nullopt);
  dispatcher.Retire(0);
  EXPECT_EQ(*dispatcher.Next({0}, 1), (Assignment{0, 0, {0, 5}}));

  Dispatcher planned(
      {4}, {.processors = 2,
            .plan = {{{0, 0, {0, 1}}, {0, 0, {2, 3}}}, {{0, 0, {1, 2}}, {0, 0, {3, 4}}}}});
  EXPECT_EQ(*planned.Next({0}, 1), (Assignment{0, 0, {1, 2}}));
  planned.Retire(1);
  std::vector<ChunkId> rest;
  while (const std::optional<Assignment> next = planned.Next({0}, 0)) {
    for (ChunkId chunk = next->chunks.begin; chunk < next->chunks.end; ++chunk)
      rest.push_back(chunk);
    planned.OnResults(0, next->chunks.size(), 1e-3, 0);
  }
  EXPECT_EQ(rest, (std::vector<ChunkId>{0, 2, 3}));
}

TEST(DispatcherTest, StaticBlocksBelongToTheirProcessors) {
  Dispatcher dispatcher({10, 3}, {.processors = 3, .schedule = ScheduleKind::kStatic});
  EXPECT_EQ(*dispatcher.Next({0, 0}, 1), (Assignment{0, 0, {4, 8}}));
  EXPECT_EQ(*dispatcher.Next({0, 0}, 1), (Assignment{1, 0, {1, 2}}));
  EXPECT_EQ(dispatcher.Next({0, 0}, 1), std::nullopt);
  EXPECT_EQ(*dispatcher.Next({0, 0}, 2), (Assignment{0, 0, {8, 10}}));
  EXPECT_EQ(*dispatcher.Next({0, 0}, 0), (Assignment{0, 0, {0, 4}}));
  // Returned chunks may go to any processor.
  dispatcher.Return({0, 1, {5, 8}});
  EXPECT_EQ(*dispatcher.Next({0, 0}, 2), (Assignment{0, 1, {5, 8}}));
}

TEST(DispatcherTest, AnAdaptiveScheduleGivesMoreToTheFaster) {
  Dispatcher dispatcher({1000}, {.processors = 2, .schedule = ScheduleKind::kAdaptive});
  EXPECT_EQ(dispatcher.Next({0}, 0)->chunks.size(), 250);
  EXPECT_EQ(dispatcher.Next({0}, 1)->chunks.size(), 188);
  dispatcher.OnResults(0, 250, 1.0, 0, 0);
  dispatcher.OnResults(0, 188, 3 * 188.0 / 250, 0, 1);
  // Processor 1 has a third of the speed of processor 0: their weights are 0.5 and 1.5.
  EXPECT_EQ(dispatcher.Next({0}, 0)->chunks.size(), 211);  // 1.5 * 562 / 4
  EXPECT_EQ(dispatcher.Next({0}, 1)->chunks.size(), 44);   // 0.5 * 351 / 4
}

TEST(DispatcherTest, APlanIsFollowed) {
  DispatchOptions options;
  options.processors = 2;
  options.result_budget_bytes = 1;
  options.plan = {{{0, 0, {7, 10}}, {0, 0, {0, 2}}},
                  {{1, 0, {0, 4}}, {0, 0, {4, 7}}, {0, 0, {2, 4}}}};
  Dispatcher dispatcher({10, 4}, options);
  EXPECT_EQ(*dispatcher.Next({0, 0}, 0), (Assignment{0, 0, {7, 10}}));
  EXPECT_EQ(*dispatcher.Next({0, 0}, 1), (Assignment{1, 0, {0, 4}}));
  EXPECT_EQ(*dispatcher.Next({0, 0}, 1), (Assignment{0, 0, {4, 7}}));
  EXPECT_EQ(Pending(dispatcher), 4);
  EXPECT_EQ(*dispatcher.Next({0, 0}, 1), (Assignment{0, 0, {2, 4}}));
  EXPECT_EQ(dispatcher.Next({0, 0}, 1), std::nullopt);
  EXPECT_EQ(*dispatcher.Next({0, 0}, 0), (Assignment{0, 0, {0, 2}}));
  EXPECT_FALSE(dispatcher.has_pending_over(0));
}

// --- A simulated pool: ranks with queues, results in any order, a slow consumer. ---

struct Simulation {
  explicit Simulation(std::uint32_t seed) : random(seed) {
    const auto up_to = [this](Index most) {
      return static_cast<Index>(random() % static_cast<std::uint64_t>(most + 1));
    };
    const Index num_jobs = 1 + up_to(3);
    for (Index j = 0; j < num_jobs; ++j) {
      Job job;
      job.chunks = up_to(2) == 0 ? up_to(3) : up_to(400);
      job.seconds = std::pow(10.0, -7.0 + 0.1 * static_cast<double>(up_to(60)));
      job.bytes = up_to(3) == 0 ? up_to(10) : up_to(3000);
      job.is_even = up_to(1) == 0;
      job.times_assigned.resize(static_cast<std::size_t>(job.chunks));
      job.is_done.resize(static_cast<std::size_t>(job.chunks));
      jobs.push_back(job);
    }
    options.processors = static_cast<int>(1 + up_to(7));
    options.credits = static_cast<int>(1 + up_to(4));
    options.result_budget_bytes = up_to(3) == 0 ? Index{1} << 40 : up_to(20'000);
    in_order = up_to(1) == 0;
    loses_some = up_to(1) == 0;
  }

  struct Job {
    Index chunks = 0;
    double seconds = 0;  // the typical cost of a chunk, and the typical size of its result
    Index bytes = 0;
    bool is_even = true;  // all chunks are typical
    std::vector<int> times_assigned;
    std::vector<bool> is_done;
    std::map<ChunkId, std::pair<Index, Index>> held;  // first chunk -> how many, bytes
    std::deque<ChunkId> arrivals;
    std::vector<bool> is_delivered = {};
    ChunkId frontier = 0;
  };

  double Vary(const Job& job) {
    return job.is_even ? 1 : std::exp(std::normal_distribution<double>(0, 1.5)(random));
  }

  // Reports the results of some chunks of the assignment. Returns true if they were its last ones.
  bool Progress(Dispatcher& dispatcher, Assignment& a) {
    Job& job = jobs[static_cast<std::size_t>(a.job)];
    const Index count =
        1 + static_cast<Index>(random() % static_cast<std::uint64_t>(a.chunks.size()));
    double seconds = 0;
    Index bytes = 0;
    for (ChunkId chunk = a.chunks.begin; chunk < a.chunks.begin + count; ++chunk) {
      seconds += job.seconds * Vary(job);
      bytes += static_cast<Index>(static_cast<double>(job.bytes) * Vary(job));
      EXPECT_FALSE(job.is_done[static_cast<std::size_t>(chunk)]) << chunk;
      job.is_done[static_cast<std::size_t>(chunk)] = true;
    }
    dispatcher.OnResults(a.job, count, seconds, bytes);
    job.held[a.chunks.begin] = {count, bytes};
    job.arrivals.push_back(a.chunks.begin);
    a.chunks.begin += count;
    return a.chunks.size() == 0;
  }

  // Delivers the next batch of the job if it has arrived. Returns true if it had.
  bool Deliver(Dispatcher& dispatcher, Job& job) {
    if (job.held.empty()) return false;
    const auto it = job.held.find(in_order ? job.frontier : job.arrivals.front());
    if (it == job.held.end()) return false;
    if (!in_order) job.arrivals.pop_front();
    job.is_delivered.resize(static_cast<std::size_t>(job.chunks));
    const auto [count, bytes] = it->second;
    std::fill_n(job.is_delivered.begin() + it->first, count, true);
    while (job.frontier < job.chunks && job.is_delivered[static_cast<std::size_t>(job.frontier)])
      ++job.frontier;
    dispatcher.OnDelivered(bytes);
    job.held.erase(it);
    return true;
  }

  void Run() {
    std::vector<Index> chunks_per_job;
    Index all_chunks = 0;
    for (const Job& job : jobs) {
      chunks_per_job.push_back(job.chunks);
      all_chunks += job.chunks;
    }
    Dispatcher dispatcher(chunks_per_job, options);
    std::vector<std::deque<Assignment>> ranks(static_cast<std::size_t>(options.processors));
    Index expected_assignments = all_chunks;
    for (;;) {
      Index in_flight = 0;
      for (const auto& queue : ranks) {
        for (const Assignment& a : queue) in_flight += a.chunks.size();
      }
      if (!dispatcher.has_pending_over(0) && in_flight == 0) break;
      // At random: assign work, let a rank process, or deliver.
      const std::uint32_t action = random() % 8;
      std::vector<ChunkId> frontier;
      for (const Job& job : jobs) frontier.push_back(job.frontier);
      if (action < 3) {
        auto& queue = ranks[random() % ranks.size()];
        if (static_cast<int>(queue.size()) >= options.credits) continue;
        if (const std::optional<Assignment> a = dispatcher.Next(frontier)) {
          CheckAssignment(*a);
          queue.push_back(*a);
        }
      } else if (action < 6) {
        auto& queue = ranks[random() % ranks.size()];
        if (queue.empty()) continue;
        if (loses_some && random() % 16 == 0) {  // the rank is lost, with everything it holds
          for (Assignment a : queue) {
            expected_assignments += a.chunks.size();
            ++a.attempt;
            dispatcher.Return(a);
          }
          queue.clear();
        } else if (Progress(dispatcher, queue.front())) {
          queue.pop_front();
        }
      } else {
        Deliver(dispatcher, jobs[random() % jobs.size()]);
      }
      // When nothing is in flight and everything deliverable is delivered, Next must return work.
      if (in_flight == 0 && dispatcher.has_pending_over(0) && random() % 4 == 0) {
        for (Job& job : jobs) {
          while (Deliver(dispatcher, job)) {
          }
        }
        for (std::size_t j = 0; j < jobs.size(); ++j) frontier[j] = jobs[j].frontier;
        bool is_free = true;
        for (const auto& queue : ranks) is_free &= queue.empty();
        if (!is_free) continue;  // work was assigned in this round
        const std::optional<Assignment> a = dispatcher.Next(frontier);
        ASSERT_TRUE(a.has_value()) << "stuck";
        CheckAssignment(*a);
        ranks[0].push_back(*a);
      }
    }
    Index assignments = 0;
    for (const Job& job : jobs) {
      for (const int times : job.times_assigned) assignments += times;
      EXPECT_EQ(std::count(job.is_done.begin(), job.is_done.end(), true), job.chunks);
      const Index assigned_once =
          std::count(job.times_assigned.begin(), job.times_assigned.end(), 1);
      EXPECT_TRUE(loses_some || assigned_once == job.chunks)
          << assigned_once << " of " << job.chunks;
    }
    EXPECT_EQ(assignments, expected_assignments);
  }

  void CheckAssignment(const Assignment& a) {
    Job& job = jobs[static_cast<std::size_t>(a.job)];
    ASSERT_GT(a.chunks.size(), 0);
    for (ChunkId chunk = a.chunks.begin; chunk < a.chunks.end; ++chunk) {
      ASSERT_EQ(job.times_assigned[static_cast<std::size_t>(chunk)]++, a.attempt)
          << "chunk " << chunk;
    }
  }

  std::mt19937 random;
  std::vector<Job> jobs;
  DispatchOptions options;
  bool in_order = true;
  bool loses_some = false;
};

TEST(DispatcherTest, EveryChunkIsAssignedOnceWhateverHappens) {
  const std::uint32_t seed = std::random_device{}();
  for (std::uint32_t round = 0; round < 300; ++round) {
    SCOPED_TRACE(testing::Message() << "seed " << seed + round);
    Simulation(seed + round).Run();
    if (testing::Test::HasFailure()) break;
  }
  std::cout << "seeds from " << seed << " on\n";
}

// Results of one size: those held and in flight never exceed the budget, or the size of the first
// single chunks if that is more.
TEST(DispatcherTest, TheBudgetHoldsAtAllTimes) {
  const std::uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 random(seed);
  for (int round = 0; round < 100; ++round) {
    const int processors = 1 + static_cast<int>(random() % 6);
    const Index bytes = 1 + static_cast<Index>(random() % 500);
    const Index budget = static_cast<Index>(random() % 10'000);
    Dispatcher dispatcher({300}, {.processors = processors, .result_budget_bytes = budget});
    const Index most_bytes = std::max(budget, 2 * processors * bytes);
    std::deque<Assignment> in_flight;
    Index in_flight_chunks = 0;
    ChunkId frontier = 0;
    ChunkId done = 0;
    while (frontier < 300) {
      if (const auto a = dispatcher.Next({frontier})) {
        in_flight.push_back(*a);
        in_flight_chunks += a->chunks.size();
        ASSERT_LE(dispatcher.held_bytes() + in_flight_chunks * bytes, most_bytes)
            << "processors " << processors << ", bytes " << bytes << ", budget " << budget
            << ", chunk " << a->chunks.begin;
      } else if (random() % 2 == 0 && !in_flight.empty()) {
        const Index count = in_flight.front().chunks.size();
        done = in_flight.front().chunks.end;
        in_flight.pop_front();
        in_flight_chunks -= count;
        dispatcher.OnResults(0, count, 1e-5, count * bytes);
      } else if (frontier < done) {
        ++frontier;
        dispatcher.OnDelivered(bytes);
      }
    }
    EXPECT_EQ(dispatcher.held_bytes(), 0);
  }
}

}  // namespace
}  // namespace mpaio
