// SPDX-License-Identifier: Apache-2.0

// The cases of a suite that compares mpaio with its peers: each load, run by mpaio and by each
// peer.
#ifndef MPAIO_BENCHMARKS_CASE_LIST_H_
#define MPAIO_BENCHMARKS_CASE_LIST_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "benchmarks/peers.h"
#include "benchmarks/pool.h"
#include "benchmarks/suite.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {

// Collects the cases of a suite.
class CaseList {
 public:
  explicit CaseList(std::shared_ptr<BenchmarkPool> pool)
      : pool_(std::move(pool)), world_(pool_->world()) {}

  // Adds one case for mpaio and one for each peer. `ours` runs mpaio and returns the seconds. The
  // peers call `function(chunk)` for chunks 0 to `count` - 1. `chunk_ns`: the duration of a chunk
  // for the report, 0 if unknown. Collective.
  template <typename Function>
  absl::Status Add(const std::string& suite, const std::string& suffix, Index count,
                   double chunk_ns, const Function& function,
                   std::function<absl::StatusOr<double>()> ours) {
    const auto add = [&](const char* peer, std::function<absl::StatusOr<double>()> run) {
      BenchmarkCase one{absl::StrCat("BM_", suite, "_", peer, "/", suffix), std::move(run)};
      one.items = static_cast<double>(count);
      if (chunk_ns > 0) one.counters = {{"chunk_ns", chunk_ns}};
      cases_.push_back(std::move(one));
    };
    add("Mpaio", std::move(ours));
    const auto results =
        std::make_shared<std::vector<std::int64_t>>(static_cast<std::size_t>(count));
    AddThreads(function, results, add);
    AddRanks(function, results, add);
    return AddTickets(function, count, add);
  }

  // Adds a case that only mpaio runs.
  void AddOurs(std::string name, Index count, std::function<absl::StatusOr<double>()> run) {
    BenchmarkCase one{std::move(name), std::move(run)};
    one.items = static_cast<double>(count);
    cases_.push_back(std::move(one));
  }
  std::vector<BenchmarkCase> Take() { return std::move(cases_); }

 private:
  using Results = std::shared_ptr<std::vector<std::int64_t>>;

  // Adds the peers that run in rank 0's threads, as many as there are ranks. As below,
  // add(peer, run) adds a case.
  template <typename Function, typename AddCase>
  void AddThreads(const Function& function, const Results& results, const AddCase& add) {
    const Communicator& world = world_;
    const auto on_rank_0 = [&](const char* peer, auto run) {
      add(peer, [&world, results, run]() -> absl::StatusOr<double> {
        return Timed(world, [&]() -> absl::Status {
          if (world.rank() == 0) run(world.size(), std::span<std::int64_t>(*results));
          return absl::OkStatus();
        });
      });
    };
    on_rank_0("Serial",
              [function](int, std::span<std::int64_t> to) { peers::Serial(function, to); });
    for (const auto& [schedule, peer] :
         {std::pair{peers::OpenMpSchedule::kStatic, "OpenMpStatic"},
          std::pair{peers::OpenMpSchedule::kDynamic, "OpenMpDynamic"},
          std::pair{peers::OpenMpSchedule::kGuided, "OpenMpGuided"}}) {
      on_rank_0(peer, [function, schedule = schedule](int threads, std::span<std::int64_t> to) {
        peers::OpenMp(schedule, threads, function, to);
      });
    }
#ifdef MPAIO_HAVE_TBB
    on_rank_0("TbbAuto", [function](int threads, std::span<std::int64_t> to) {
      peers::TbbAuto(threads, function, to);
    });
#endif
  }

  // Adds the peers in which all ranks run the chunks, by messages.
  template <typename Function, typename AddCase>
  void AddRanks(const Function& function, const Results& results, const AddCase& add) {
    const Communicator& world = world_;
    const auto collective = [&](const char* peer, auto run) {
      add(peer, [&world, results, run]() -> absl::StatusOr<double> {
        return Timed(world, [&]() -> absl::Status {
          run(std::span<std::int64_t>(*results));
          return absl::OkStatus();
        });
      });
    };
    collective("MpiStatic", [&world, function](std::span<std::int64_t> to) {
      peers::StaticMpi(world, function, to);
    });
    for (const auto& [depth, peer] :
         {std::pair{1, "MpiFarmDepth1"}, std::pair{4, "MpiFarmDepth4"}}) {
      collective(peer, [&world, function, depth = depth](std::span<std::int64_t> to) {
        peers::Farm(world, depth, function, to);
      });
    }
  }

  // Adds the peers in which all ranks take chunks from a counter in shared memory.
  template <typename Function, typename AddCase>
  absl::Status AddTickets(const Function& function, Index count, const AddCase& add) {
    const Communicator& world = world_;
    MPAIO_ASSIGN_OR_RETURN(SharedMemory* const shared,
                           pool_->executor().Allocate(peers::Ticket::Bytes(count)));
    for (const auto& [guided, peer] :
         {std::pair{false, "Ticket"}, std::pair{true, "TicketGuided"}}) {
      add(peer, [&world, function, shared, count, guided = guided]() -> absl::StatusOr<double> {
        peers::Ticket ticket(shared->data());
        if (world.rank() == 0) ticket.next.store(0);
        return Timed(world, [&]() -> absl::Status {
          peers::TakeTickets(ticket, count, world.size(), guided, function);
          return world.Barrier();
        });
      });
    }
    return absl::OkStatus();
  }

  std::shared_ptr<BenchmarkPool> pool_;
  const Communicator& world_;
  std::vector<BenchmarkCase> cases_;
};

}  // namespace mpaio

#endif  // MPAIO_BENCHMARKS_CASE_LIST_H_
