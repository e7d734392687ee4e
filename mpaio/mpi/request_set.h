// SPDX-License-Identifier: Apache-2.0

// Nonblocking operations in flight, tested in batches.
#ifndef MPAIO_MPI_REQUEST_SET_H_
#define MPAIO_MPI_REQUEST_SET_H_

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/base/index.h"
#include "mpaio/mpi/communicator.h"

namespace mpaio {

// What a completed operation was: the token given when it was started, and for a receive how many
// bytes came.
struct Completion {
  std::uint64_t token;
  Index bytes;
};

enum class TestOutcome {
  kCompleted,      // at least one operation completed
  kNoneCompleted,  // some are active, none has completed
  kNothingActive,  // there is nothing to wait for
};

// Starts sends and receives and says which have completed. The buffers belong to the caller, who
// must keep them as they are until the operation completes or CancelAll() has said that MPI has let
// go of them. Not thread-safe. Not collective.
class RequestSet {
 public:
  RequestSet() = default;
  RequestSet(const RequestSet&) = delete;
  RequestSet& operator=(const RequestSet&) = delete;

  // Errors: InvalidArgument where `size_bytes` is over MPI's limit of 2^31 - 1; Internal where MPI
  // refuses.
  absl::Status Send(const Communicator& comm, int to, int tag, const void* bytes, Index size_bytes,
                    std::uint64_t token);
  absl::Status Receive(const Communicator& comm, int from, int tag, void* bytes,
                       Index capacity_bytes, std::uint64_t token);

  // MPI_Testsome over everything active; appends what completed to `*completed`, also what
  // completed in the call. Errors: Internal where one failed (a message was longer than the room
  // for it): that one is dropped from the set, what else completed is appended all the same, and
  // the rest stays active.
  absl::StatusOr<TestOutcome> TestSome(std::vector<Completion>* completed);

  std::size_t num_active() const { return requests_.size(); }

  // Gives up what has not completed; never waits for another rank. Returns whether MPI has let go
  // of every buffer. It has not of a send that its receiver has not taken yet, nor of a receive
  // whose sender has begun and not ended: these go on without this set, if the other side lets
  // them, and their buffers must stay as they are until MPI ends.
  absl::StatusOr<bool> CancelAll();

 private:
  struct Tag {
    std::uint64_t token;
    bool is_send;
  };
  std::vector<MPI_Request> requests_;
  std::vector<Tag> tags_;
  std::vector<int> indices_;
  std::vector<MPI_Status> statuses_;
};

}  // namespace mpaio

#endif  // MPAIO_MPI_REQUEST_SET_H_
