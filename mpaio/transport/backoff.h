// SPDX-License-Identifier: Apache-2.0

// How an idle rank waits where no other rank can wake it, and how it begins to wait where one can
// (base/doorbell.h): spin, then yield, then sleep, longer each time.
#ifndef MPAIO_TRANSPORT_BACKOFF_H_
#define MPAIO_TRANSPORT_BACKOFF_H_

#include <chrono>

#include "absl/time/time.h"

namespace mpaio {

// A wait begins with the first pause after Reset(). For 2 µs a pause returns at once (a reply from
// the same node takes about 1 µs); up to 50 µs it yields the core; then it sleeps: 50 µs, doubling
// to 500 µs, and 1 ms once the wait has lasted 20 ms. So a long wait costs below 1 % of a core, and
// a wait of t is overslept by at most about t, and never by more than 1 ms. Measured: a rank that
// spins or only yields while another needs the core costs the run up to 2x.
class Backoff {
 public:
  void Reset() { waiting_ = false; }
  // One step of the first 50 µs of the wait. After these, does nothing and returns false. For
  // callers that have a better way to sleep.
  bool PauseBriefly();
  // One step of the wait, which takes at most `at_most`.
  void Pause(absl::Duration at_most);

 private:
  bool waiting_ = false;
  std::chrono::steady_clock::time_point since_;
  std::chrono::nanoseconds waited_{0};
  std::chrono::nanoseconds sleep_{0};
};

}  // namespace mpaio

#endif  // MPAIO_TRANSPORT_BACKOFF_H_
