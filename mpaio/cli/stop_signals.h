// SPDX-License-Identifier: Apache-2.0

// SIGINT and SIGTERM during a run: the first one stops the run in an orderly way, the second one
// ends the process at once.
#ifndef MPAIO_CLI_STOP_SIGNALS_H_
#define MPAIO_CLI_STOP_SIGNALS_H_

#include <signal.h>

#include "mpaio/jobs/job_run.h"

namespace mpaio {

// In effect while the object lives; only one may exist at a time. Only rank 0 handles the signals
// (`is_handled`) and informs the other ranks, which ignore them.
class StopSignals {
 public:
  explicit StopSignals(bool is_handled);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // Returns the signal that was received, or 0.
  static int received();

  // Sets the run that a signal cancels as soon as it arrives, even while rank 0 processes a chunk;
  // null: none. The run must live until another run, or null, is set.
  static void set_run(JobRun* run);

 private:
  struct sigaction before_int_ = {};
  struct sigaction before_term_ = {};
};

}  // namespace mpaio

#endif  // MPAIO_CLI_STOP_SIGNALS_H_
