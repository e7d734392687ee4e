// SPDX-License-Identifier: Apache-2.0
#include "mpaio/cli/stop_signals.h"

#include <atomic>

namespace mpaio {
namespace {

volatile sig_atomic_t the_signal = 0;
std::atomic<JobRun*> the_run = nullptr;
static_assert(std::atomic<JobRun*>::is_always_lock_free, "it is read in a signal handler");

void OnSignal(int number) {
  if (the_signal != 0) {
    signal(number, SIG_DFL);
    raise(number);  // delivered when this handler returns
    return;
  }
  the_signal = number;
  if (JobRun* const run = the_run.load(std::memory_order_acquire)) run->Cancel();
}

}  // namespace

StopSignals::StopSignals(bool is_handled) {
  struct sigaction action = {};
  action.sa_handler = is_handled ? OnSignal : SIG_IGN;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &before_int_);
  sigaction(SIGTERM, &action, &before_term_);
}

StopSignals::~StopSignals() {
  sigaction(SIGINT, &before_int_, nullptr);
  sigaction(SIGTERM, &before_term_, nullptr);
}

int StopSignals::received() { return the_signal; }

void StopSignals::set_run(JobRun* run) { the_run.store(run, std::memory_order_release); }

}  // namespace mpaio
