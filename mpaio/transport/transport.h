// SPDX-License-Identifier: Apache-2.0

// The interface for messages, independent of how they are carried: whole messages between rank 0
// and the other ranks of a pool.
//
// Topology: a star. Rank 0 may send to every other rank; every other rank may send to rank 0 only.
//
// Guarantees of every implementation (tested by transport_conformance.h):
//   - a message arrives whole, once, and unchanged; of any size from 0 bytes to memory's limit;
//   - messages from one rank to another arrive in the order in which they were sent; there is no
//     order between different senders;
//   - no call waits for another rank, except WaitForMessage, which is bounded.
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

// One rank's end. Used by one thread. Not collective, except Close.
class Transport {
 public:
  virtual ~Transport() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  // Accepts the message and returns at once. The message leaves during calls of Receive() on both
  // sides; unsent_bytes() then falls again. Errors: InvalidArgument where the star has no channel
  // to `to`; Internal where the channel is broken.
  virtual absl::Status Send(int to, std::string message) = 0;

  // Returns the next message that has arrived, or nothing. Also advances pending sends.
  virtual absl::StatusOr<std::optional<Message>> Receive() = 0;

  // Bytes accepted by Send that have not left yet. A sender checks it before it produces more.
  virtual Index unsent_bytes() const = 0;

  // Yields the processor until a message may have arrived, or `at_most` has passed. May return
  // early. Successive calls without a message in between may sleep longer each time; the first ones
  // return within microseconds, so that a short wait costs little.
  virtual void WaitForMessage(absl::Duration at_most) = 0;

  // Wakes one of the ranks that sleep in WaitForMessage, if this rank shares memory with any. For
  // events that are visible in that memory without a message. Best effort: a rank that is about to
  // sleep may be missed.
  virtual void WakeOne() {}

  // Declares `rank` dead: pending and later messages to it are dropped. Messages that have arrived
  // whole from it are still received, up to the first incomplete one. Idempotent.
  virtual void Abandon(int rank) = 0;

  // Closes this end: unsent messages may be lost. Idempotent.
  virtual absl::Status Close() = 0;
};

}  // namespace mpaio

#endif  // MPAIO_TRANSPORT_TRANSPORT_H_
