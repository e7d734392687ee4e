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

// A completed operation: the token given when it was started, and for a receive the number of bytes
// received.
struct Completion {
  std::uint64_t token;
  Index bytes;
};

enum class TestOutcome {
  kCompleted,      // at least one operation completed
  kNoneCompleted,  // some are active, none has completed
  kNothingActive,  // there is nothing to wait for
};

// Starts sends and receives and reports which have completed. The caller owns the buffers, and must
// keep them unchanged until the operation completes or CancelAll() reports that MPI has released
// them. Not thread-safe. Not collective.
class RequestSet {
 public:
  RequestSet() = default;
  RequestSet(const RequestSet&) = delete;
  RequestSet& operator=(const RequestSet&) = delete;

  // Start a nonblocking send or receive. Errors: InvalidArgument where the size is over MPI's limit
  // of 2^31 - 1; Internal where MPI fails.
  absl::Status Send(const Communicator& comm, int to, int tag, const void* bytes, Index size_bytes,
                    std::uint64_t token);
  absl::Status Receive(const Communicator& comm, int from, int tag, void* bytes,
                       Index capacity_bytes, std::uint64_t token);

  // Calls MPI_Testsome on all active operations and appends the completed ones to `*completed`,
  // including those that completed during the call. Errors: Internal where an operation failed (say
  // a message was longer than its buffer): that operation is dropped from the set, other completed
  // ones are still appended, and the rest stays active.
  absl::StatusOr<TestOutcome> TestSome(std::vector<Completion>* completed);

  std::size_t num_active() const { return requests_.size(); }

  // Cancels the operations that have not completed; never waits for another rank. Returns true if
  // MPI has released every buffer. MPI does not release the buffer of a send whose message has not
  // been received yet, or of a receive whose message has begun to arrive. Such an operation may
  // still continue without this set, so its buffer must stay unchanged until MPI ends.
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
