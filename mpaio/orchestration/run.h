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

// A result after its worker's callback has processed it.
struct Delivered {
  // The number of the job: the index of its worker in the orchestrator.
  int job = 0;
  Chunk chunk;
  // Valid until the next call to the run.
  absl::string_view encoded;

  // Returns the decoded result. Precondition: R is the worker's Result type. Errors: DataLoss if
  // the bytes are no encoding of an R.
  template <typename R>
  absl::StatusOr<R> Result() const {
    return DecodeResult<R>(encoded);
  }
};

// The handle of a run, made by WorkerOrchestrator::Start. Movable. Only one thread may use it,
// except that any thread may call Cancel.
//
// On rank 0 the run advances only inside the calls below: there is no hidden thread. Between calls,
// worker ranks finish their assignments (RunOptions::credits each) and then wait for rank 0. On the
// other ranks the run is over when Start returns: Poll() returns false, Next() returns nothing, and
// Wait() returns how the run ended.
//
// Structured concurrency: when Wait() has returned, or the handle is destroyed, no part of the run
// is active on any rank, and no callback will be called. (The destructor cancels a run that has not
// ended and waits until the chunks that are being processed are done.)
class Run {
 public:
  class ResultRange;

  Run(Run&&) noexcept;
  Run& operator=(Run&&) noexcept;
  ~Run();

  // Makes progress without waiting: receives messages, calls the callbacks that are due, assigns
  // work and, if rank 0 works too, processes chunks for about 100 µs, or one chunk if that takes
  // longer. Returns true if the run has not ended.
  bool Poll();

  // Waits for the next result, calls its callback, and returns it. Returns nothing when the run has
  // ended, with or without an error; see Wait().
  std::optional<Delivered> Next();

  // Returns the remaining results as an input range over Next():
  //   for (const mpaio::Delivered& delivered : run->Results()) ...
  ResultRange Results();

  // Makes progress for at most `at_most`. Returns true if the run has ended.
  bool WaitFor(absl::Duration at_most);

  // Makes progress until the run has ended on every rank. Returns the same status on every rank,
  // except that only rank 0 returns the error of an observer at the end (RunPhase::kEnded):
  //   OK                  every chunk was processed and every callback called
  //   Aborted             chunks were quarantined (unless fail_fast, all others were processed)
  //   Cancelled           Cancel() was called
  //   DeadlineExceeded    RunOptions::deadline passed
  //   Internal, DataLoss  the ranks could not exchange or decode messages, or run different
  //                       programs
  //   DataLoss            an input that is mapped or loaded on demand could not be read, or has
  //                       changed (SharedArray::needs_file); results delivered before may be wrong
  //   any                 the error that Process or ProcessCallback returned, with job, chunk and
  //                       rank in its message (Internal if they threw an exception); or that of
  //                       an input that could not be read, or of the journal
  absl::Status Wait();

  // Ends the run as soon as the chunks that are being processed are done; takes effect inside the
  // next call to this run. Idempotent. May be called from any thread, and from a signal handler. On
  // ranks other than 0 it does nothing.
  void Cancel();

  // On rank 0; empty on other ranks. The jobs' progress is current at any time; the rest is
  // complete when the run has ended.
  const RunStats& stats() const;

  // After Wait(): true if this rank ended the run without the others, because it could not
  // communicate with them. They may be waiting for messages that cannot arrive, so the only remedy
  // is Executor::Abort. Ranks may differ: a rank that received the regular end of the run returns
  // false.
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
