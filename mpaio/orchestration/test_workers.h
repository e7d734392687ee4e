// SPDX-License-Identifier: Apache-2.0

// The workers of this package's tests, for pools of every kind, with and without MPI.
#ifndef MPAIO_ORCHESTRATION_TEST_WORKERS_H_
#define MPAIO_ORCHESTRATION_TEST_WORKERS_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/executor/executor.h"
#include "mpaio/orchestration/worker_orchestrator.h"
#include "mpaio/worker/worker.h"

namespace mpaio {

// Returns 0, 1, 2, ..., count - 1.
inline std::vector<std::int64_t> Counting(Index count) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), std::int64_t{0});
  return numbers;
}

inline DataIterator InChunks(const std::vector<std::int64_t>& numbers, Index chunk_rows) {
  return *DataIterator::Create(*NdView::Create(numbers.data(), DType::Of<std::int64_t>(),
                                               {static_cast<Index>(numbers.size())}),
                               Partition::ChunkSize(chunk_rows));
}

// Keeps a core busy.
inline void Burn(std::chrono::nanoseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

// For Echo::before: makes each chunk take `time`.
inline std::function<absl::Status(ChunkId)> Taking(std::chrono::nanoseconds time) {
  return [time](ChunkId) {
    Burn(time);
    return absl::OkStatus();
  };
}

// Waits until `flag` is set, for at most 20 s.
inline absl::Status WaitForFlag(const std::atomic<bool>& flag) {
  for (const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20); !flag;) {
    if (std::chrono::steady_clock::now() > end)
      return absl::DeadlineExceededError("the flag was never set");
    std::this_thread::yield();
  }
  return absl::OkStatus();
}

// Starts a run and waits for its end. Returns how it ended, or why it was refused.
inline absl::Status RunToEnd(Executor& executor, std::vector<WorkerBase*> workers,
                             const RunOptions& options = {}) {
  MPAIO_ASSIGN_OR_RETURN(Run run, WorkerOrchestrator(executor, std::move(workers)).Start(options));
  return run.Wait();
}

// Returns the elements of the chunk, and records every callback.
class Echo : public Worker<std::int64_t, std::vector<std::int64_t>> {
 public:
  using Worker::Worker;

  absl::StatusOr<std::vector<std::int64_t>> Process(
      const ChunkView<std::int64_t>& chunk) const override {
    if (before) MPAIO_RETURN_IF_ERROR(before(chunk.id()));
    return std::vector<std::int64_t>(chunk.elements().begin(), chunk.elements().end());
  }
  absl::Status ProcessCallback(const Chunk& chunk, std::vector<std::int64_t> elements) override {
    chunks.push_back(chunk.id);
    rows.insert(rows.end(), elements.begin(), elements.end());
    return callback ? callback(chunk.id) : absl::OkStatus();
  }

  std::function<absl::Status(ChunkId)> before;    // in Process
  std::function<absl::Status(ChunkId)> callback;  // in ProcessCallback
  std::vector<ChunkId> chunks;                    // in the order of the callbacks
  std::vector<std::int64_t> rows;
};

// Returns `bytes_per_row` letters for each row, as one string.
class Letters : public Worker<std::int64_t, std::string> {
 public:
  Letters(DataIterator data, std::size_t bytes_per_row)
      : Worker(std::move(data)), bytes_per_row_(bytes_per_row) {}

  static char Letter(std::int64_t number) { return static_cast<char>('a' + number % 26); }
  absl::StatusOr<std::string> Process(const ChunkView<std::int64_t>& chunk) const override {
    std::string letters;
    for (const std::int64_t number : chunk.elements())
      letters.append(bytes_per_row_, Letter(number));
    return letters;
  }
  absl::Status ProcessCallback(const Chunk& chunk, std::string letters) override {
    ++callbacks;
    if (letters.size() != bytes_per_row_ * static_cast<std::size_t>(chunk.rows.size()))
      return absl::InternalError("wrong length");
    for (Index row = 0; row < chunk.rows.size(); ++row) {
      const auto begin = letters.begin() + static_cast<std::ptrdiff_t>(bytes_per_row_) * row;
      const char expected = Letter(chunk.rows.begin + row);
      if (!std::all_of(begin, begin + static_cast<std::ptrdiff_t>(bytes_per_row_),
                       [=](char c) { return c == expected; })) {
        return absl::InternalError("wrong letters");
      }
    }
    return absl::OkStatus();
  }

  Index callbacks = 0;

 private:
  std::size_t bytes_per_row_;
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_TEST_WORKERS_H_
