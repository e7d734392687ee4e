// SPDX-License-Identifier: Apache-2.0

// The peers that mpaio is compared with: other ways to call `function(chunk)` for chunks 0 to
// count - 1 and to keep the results. Each is written as its own documentation recommends, without
// tuning.
//
// Common to all: `function` maps a chunk's number to an int64 and may run in any rank or thread;
// `results` has `count` elements. Peers with threads run in rank 0 only; peers with MPI are
// collective.
#ifndef MPAIO_BENCHMARKS_PEERS_H_
#define MPAIO_BENCHMARKS_PEERS_H_

#include <mpi.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <new>
#include <span>
#include <vector>

#if __has_include(<oneapi/tbb/parallel_for.h>)
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/partitioner.h>
#define MPAIO_HAVE_TBB 1
#endif

#include "mpaio/base/index.h"
#include "mpaio/mpi/communicator.h"

namespace mpaio::peers {

template <typename Function>
void Serial(const Function& function, std::span<std::int64_t> results) {
  for (std::size_t k = 0; k < results.size(); ++k) results[k] = function(static_cast<Index>(k));
}

enum class OpenMpSchedule { kStatic, kDynamic, kGuided };

template <typename Function>
void OpenMp(OpenMpSchedule schedule, int threads, const Function& function,
            std::span<std::int64_t> results) {
  const auto count = static_cast<Index>(results.size());
  omp_set_schedule(schedule == OpenMpSchedule::kStatic    ? omp_sched_static
                   : schedule == OpenMpSchedule::kDynamic ? omp_sched_dynamic
                                                          : omp_sched_guided,
                   0);
#pragma omp parallel for schedule(runtime) num_threads(threads)
  for (Index k = 0; k < count; ++k) results[static_cast<std::size_t>(k)] = function(k);
}

#ifdef MPAIO_HAVE_TBB
template <typename Function>
void TbbAuto(int threads, const Function& function, std::span<std::int64_t> results) {
  static oneapi::tbb::global_control limit(oneapi::tbb::global_control::max_allowed_parallelism,
                                           static_cast<std::size_t>(threads));
  oneapi::tbb::parallel_for(
      oneapi::tbb::blocked_range<std::size_t>(0, results.size()),
      [&](const oneapi::tbb::blocked_range<std::size_t>& range) {
        for (std::size_t k = range.begin(); k != range.end(); ++k)
          results[k] = function(static_cast<Index>(k));
      },
      oneapi::tbb::auto_partitioner());
}
#endif

// A counter in memory that the ranks share, followed by the results. `shared` is this rank's view
// of that memory, which must be zeroed.
struct Ticket {
  static Index Bytes(Index count) { return kHead + count * Index{sizeof(std::int64_t)}; }
  explicit Ticket(std::byte* shared)
      : next(*reinterpret_cast<std::atomic<std::int64_t>*>(shared)),
        results(reinterpret_cast<std::int64_t*>(shared + kHead)) {}
  static constexpr Index kHead = 64;  // the counter has a cache line of its own
  std::atomic<std::int64_t>& next;
  std::int64_t* results;
};

// Takes one chunk at a time or, if `guided`, a fraction of the remaining chunks. Called by every
// rank; returns when no chunk is left to take, without waiting for the other ranks.
template <typename Function>
void TakeTickets(Ticket& ticket, Index count, int ranks, bool guided, const Function& function) {
  std::int64_t begin = ticket.next.load();
  while (begin < count) {
    const std::int64_t length =
        guided ? std::max<std::int64_t>(1, (count - begin) / (4 * ranks)) : 1;
    if (!ticket.next.compare_exchange_weak(begin, begin + length)) continue;
    for (std::int64_t k = begin; k < std::min(begin + length, count); ++k)
      ticket.results[k] = function(k);
    begin = ticket.next.load();
  }
}

// Every rank processes an equal share of the chunks; rank 0 gathers the results.
template <typename Function>
void StaticMpi(const Communicator& world, const Function& function,
               std::span<std::int64_t> results) {
  const auto count = static_cast<Index>(results.size());
  const auto bound = [&](int rank) { return static_cast<int>(count * rank / world.size()); };
  const int begin = bound(world.rank()), end = bound(world.rank() + 1);
  for (Index k = begin; k < end; ++k) results[static_cast<std::size_t>(k)] = function(k);
  std::vector<int> counts, displacements;
  for (int rank = 0; rank < world.size(); ++rank) {
    displacements.push_back(bound(rank));
    counts.push_back(bound(rank + 1) - bound(rank));
  }
  MPI_Gatherv(world.rank() == 0 ? MPI_IN_PLACE : results.data() + begin, end - begin, MPI_INT64_T,
              results.data(), counts.data(), displacements.data(), MPI_INT64_T, 0, world.get());
}

// The usual task farm: rank 0 sends one chunk number per message, keeps `depth` chunks in flight at
// each worker, and sends the next one for each result.
template <typename Function>
void Farm(const Communicator& world, int depth, const Function& function,
          std::span<std::int64_t> results) {
  constexpr int kTag = 7;
  constexpr std::int64_t kStop = -1;
  const auto count = static_cast<std::int64_t>(results.size());
  struct Result {
    std::int64_t chunk, value;
  };
  if (world.rank() != 0) {
    for (;;) {
      std::int64_t chunk;
      MPI_Recv(&chunk, 1, MPI_INT64_T, 0, kTag, world.get(), MPI_STATUS_IGNORE);
      if (chunk == kStop) return;
      const Result result{chunk, function(chunk)};
      MPI_Send(&result, 2, MPI_INT64_T, 0, kTag, world.get());
    }
  }
  std::int64_t next = 0;
  const auto give = [&](int rank) {
    MPI_Send(&next, 1, MPI_INT64_T, rank, kTag, world.get());
    ++next;
  };
  for (int k = 0; k < depth; ++k) {
    for (int rank = 1; rank < world.size() && next < count; ++rank) give(rank);
  }
  for (std::int64_t done = 0; done < count; ++done) {
    Result result;
    MPI_Status status;
    MPI_Recv(&result, 2, MPI_INT64_T, MPI_ANY_SOURCE, kTag, world.get(), &status);
    results[static_cast<std::size_t>(result.chunk)] = result.value;
    if (next < count) give(status.MPI_SOURCE);
  }
  for (int rank = 1; rank < world.size(); ++rank)
    MPI_Send(&kStop, 1, MPI_INT64_T, rank, kTag, world.get());
}

}  // namespace mpaio::peers

#endif  // MPAIO_BENCHMARKS_PEERS_H_
