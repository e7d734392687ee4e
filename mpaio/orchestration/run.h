// SPDX-License-Identifier: Apache-2.0

// The handle of a run.
#ifndef MPAIO_ORCHESTRATION_RUN_H_
#define MPAIO_ORCHESTRATION_RUN_H_

#include <iterator>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/executor/executor.h"
#include "mpaio/orchestration/run_options.h"
#include "mpaio/worker/codec.h"
#include "mpaio/worker/worker.h"

namespace mpaio {

// A chunk's result, after its worker's callback has had it.
struct Delivered {
  // The job's number, as its worker was given to the orchestrator.
  int job = 0;
  Chunk chunk;
  // Valid until the next call to the run.
  absl::string_view encoded;

  // The result; R must be the worker's Result.
  template <typename R>
  absl::StatusOr<R> Result() const {
    return DecodeResult<R>(encoded);
  }
};

// Made by WorkerOrchestrator::Start. Movable. Used by one thread, except Cancel.
//
// On rank 0 the run advances inside the calls below and nowhere else: there is no hidden thread.
// Worker ranks finish what they have been given (RunOptions::credits assignments each), and then
// wait for rank 0 to come back. On the other ranks the run is over when Start returns: Poll() is
// false, Next() is nothing, and Wait() says how it ended.
//
// Structured: when Wait() has returned, or the handle is destroyed, nothing of the run goes on on
// any rank, and no callback will be called. (The destructor cancels a run that is still going on
// and waits for it, which takes as long as the chunks in work take.)
class Run {
 public:
  class ResultRange;

  Run(Run&&) noexcept;
  Run& operator=(Run&&) noexcept;
  ~Run();

  // Makes progress without waiting: takes in what has come, calls the callbacks whose turn it is,
  // gives out work; where rank 0 works too, processes for about 100 µs, or one chunk if that takes
  // longer. Returns whether the run is still going on.
  bool Poll();

  // Waits for the next result, calls its callback, and returns it; nothing when the run has ended,
  // well or not (Wait() tells).
  std::optional<Delivered> Next();

  // The results still to come, as an input range over Next(): for (const mpaio::Delivered&
  // delivered : run->Results()) ...
  ResultRange Results();

  // Makes progress for at most so long. Returns whether the run has ended.
  bool WaitFor(absl::Duration at_most);

  // Makes progress until the run has ended, on every rank. Returns, on every rank (but that rank 0
  // alone says where the CPU usage that was asked for could not be sampled):
  //   OK                 every chunk was processed and every callback called
  //   Cancelled          Cancel() was called
  //   DeadlineExceeded   RunOptions::deadline passed
  //   what Process or ProcessCallback returned, its message naming job, chunk and rank; Internal
  //   where they threw
  //   Internal, DataLoss the ranks could not hear or understand each other, or run different
  //   programs
  absl::Status Wait();

  // Ends the run as soon as the chunks that are being processed are; takes effect inside the next
  // call of this run. Idempotent. May be called from any thread, and from a signal handler.
  void Cancel();

  // Rank 0 only; empty elsewhere. The jobs' progress at any time, the rest when the run has ended.
  const RunStats& stats() const;

  // After Wait(): the run ended without the other ranks, as far as this one knows. They may be
  // waiting for messages that cannot come, and Executor::Abort is all that is left. Each rank says
  // what it has noticed itself: one that heard of the end in order says false.
  bool is_broken() const;

 private:
  friend class WorkerOrchestrator;
  class Impl;
  explicit Run(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A single-pass range: begin() takes the first result.
class Run::ResultRange {
 public:
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = Delivered;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    const Delivered& operator*() const { return *current_; }
    const Delivered* operator->() const { return &*current_; }
    Iterator& operator++() {
      current_ = run_->Next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& it, std::default_sentinel_t) {
      return !it.current_.has_value();
    }

   private:
    friend class ResultRange;
    explicit Iterator(Run* run) : run_(run), current_(run->Next()) {}
    Run* run_ = nullptr;
    std::optional<Delivered> current_;
  };

  Iterator begin() { return Iterator(run_); }
  std::default_sentinel_t end() const { return {}; }

 private:
  friend class Run;
  explicit ResultRange(Run* run) : run_(run) {}
  Run* run_;
};

}  // namespace mpaio

#endif  // MPAIO_ORCHESTRATION_RUN_H_
