// SPDX-License-Identifier: Apache-2.0

// The seam between what is said and how it travels: whole messages between rank 0 and the other
// ranks of a pool.
//
// Shape of the pool: a star. Rank 0 may send to every other rank; every other rank may send to rank
// 0 only.
//
// What every implementation promises (transport_conformance.h holds them to it):
//   - a message arrives whole, once, and unchanged; of any size from 0 bytes to memory's limit;
//   - messages from one rank to another arrive in the order in which they were sent; there is no
//     order between different senders;
//   - no call waits for another rank, but WaitForMessage, which is bounded.
#ifndef MPAIO_TRANSPORT_TRANSPORT_H_
#define MPAIO_TRANSPORT_TRANSPORT_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mpaio/base/index.h"

namespace mpaio {

struct Message {
  int from = 0;
  std::string bytes;
};

// One rank's end. Used by one thread. Not collective, apart from Close.
class Transport {
 public:
  virtual ~Transport() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  // Takes the message and returns at once; it is on its way when unsent_bytes() has fallen again,
  // which takes calls of Receive() on both sides. Errors: InvalidArgument where the star has no
  // line to `to`; Internal where the channel is broken.
  virtual absl::Status Send(int to, std::string message) = 0;

  // The next message that has arrived, or nothing. Also moves what is being sent.
  virtual absl::StatusOr<std::optional<Message>> Receive() = 0;

  // Bytes taken by Send that the channel still holds: what a sender looks at before it makes more.
  virtual Index unsent_bytes() const = 0;

  // Gives up the processor until a message may have arrived, or `at_most` has passed. May return
  // early. Successive calls with nothing arriving in between may sleep longer each time; the first
  // ones return within microseconds, so that a short wait costs little.
  virtual void WaitForMessage(absl::Duration at_most) = 0;

  // Wakes one of the ranks that sleep in WaitForMessage, if this one shares memory with any: for
  // what is told by that memory, and no message. A wish: one that is just about to sleep may be
  // overlooked.
  virtual void WakeOne() {}

  // `rank` is dead: what was being sent to it is dropped, and so is everything that is sent to it
  // from now on. What has arrived whole from it is still received, up to what has not. Idempotent.
  virtual void Abandon(int rank) = 0;

  // Ends this side: what has not been sent may be lost. Idempotent.
  virtual absl::Status Close() = 0;
};

}  // namespace mpaio

#endif  // MPAIO_TRANSPORT_TRANSPORT_H_
