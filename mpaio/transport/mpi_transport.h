// SPDX-License-Identifier: Apache-2.0

// Messages over MPI: nonblocking sends, receives posted ahead, completion in batches.
#ifndef MPAIO_TRANSPORT_MPI_TRANSPORT_H_
#define MPAIO_TRANSPORT_MPI_TRANSPORT_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mpaio/host/doorbell.h"
#include "mpaio/mpi/communicator.h"
#include "mpaio/transport/transport.h"

namespace mpaio {

struct MpiTransportOptions {
  // Receives posted ahead for each peer, and the size of each. A message that fits into one,
  // together with its frame of 16 bytes, is sent at once; a larger one is announced, and sent when
  // the receiver has allocated memory for it.
  int slots = 4;
  Index slot_bytes = 64 << 10;
  // Large messages are sent in pieces of this size: MPI counts bytes in an int.
  Index piece_bytes = 256 << 20;
  // The doorbell of each rank, by rank, this rank's included; null for a rank that shares no memory
  // with this one. They must outlive the transport. Empty: none. A waiting rank sleeps on its own
  // doorbell if it and all of its peers have one; else it alternates between sleeping and testing
  // (Backoff).
  std::vector<Doorbell*> doorbells;
  // The longest sleep on a doorbell. A ring is never lost, but there is no ring for work that Open
  // MPI itself may defer.
  absl::Duration longest_sleep = absl::Milliseconds(10);
};

// Collective over `pool`. All ranks must pass the same options, except for the addresses of the
// doorbells. Uses a duplicate of the communicator, so that its messages do not mix with others.
// Close() must be called, or the object destroyed, before MPI ends. Errors: FailedPrecondition
// where `pool` is null; those of MPI.
absl::StatusOr<std::unique_ptr<Transport>> MakeMpiTransport(
    const Communicator& pool, const MpiTransportOptions& options = {});

}  // namespace mpaio

#endif  // MPAIO_TRANSPORT_MPI_TRANSPORT_H_
