// SPDX-License-Identifier: Apache-2.0

// Messages over MPI: nonblocking sends, receives posted ahead, completion in batches.
#ifndef MPAIO_TRANSPORT_MPI_TRANSPORT_H_
#define MPAIO_TRANSPORT_MPI_TRANSPORT_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mpaio/base/doorbell.h"
#include "mpaio/mpi/communicator.h"
#include "mpaio/transport/transport.h"

namespace mpaio {

struct MpiTransportOptions {
  // Receives posted ahead for each peer, and the room of each. A message that fits, with its 16
  // bytes of frame, travels at once; a larger one is announced, and travels when the receiver has
  // made room for it.
  int slots = 4;
  Index slot_bytes = 64 << 10;
  // Large messages go in pieces of this size: MPI counts bytes in an int.
  Index piece_bytes = 256 << 20;
  // By rank: what wakes it, where it shares memory with this one, its own included; null where it
  // does not. They must outlive the transport. Empty: none. Who waits sleeps on its own bell, if it
  // has one and everybody it hears from has one too; else it sleeps and looks, in turns (Backoff).
  std::vector<Doorbell*> doorbells;
  // How long at most it sleeps there: a ring is never lost, but nobody rings for what Open MPI
  // itself may put off.
  absl::Duration longest_sleep = absl::Milliseconds(10);
};

// Collective over `pool`, all with the same options. Uses a duplicate of the communicator, so that
// nobody else's messages are met. Close() must be called, or the object destroyed, before MPI ends.
absl::StatusOr<std::unique_ptr<Transport>> MakeMpiTransport(
    const Communicator& pool, const MpiTransportOptions& options = {});

}  // namespace mpaio

#endif  // MPAIO_TRANSPORT_MPI_TRANSPORT_H_
