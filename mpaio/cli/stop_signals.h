// SPDX-License-Identifier: Apache-2.0

// SIGINT and SIGTERM while a run goes on: the first one stops it in order, the second one ends the
// process at once.
#ifndef MPAIO_CLI_STOP_SIGNALS_H_
#define MPAIO_CLI_STOP_SIGNALS_H_

#include <signal.h>

#include "mpaio/orchestration/run.h"

namespace mpaio {

// In force while one lives; one at a time. Of all ranks rank 0 alone heeds them, and tells the
// others: `is_heeded` is false there.
class StopSignals {
 public:
  explicit StopSignals(bool is_heeded);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // The signal that came, or 0.
  static int received();

  // The run that the signal cancels as soon as it comes, even while it is in a chunk of its own;
  // null: none. It must outlive that.
  static void set_run(Run* run);

 private:
  struct sigaction before_int_ = {};
  struct sigaction before_term_ = {};
};

}  // namespace mpaio

#endif  // MPAIO_CLI_STOP_SIGNALS_H_
