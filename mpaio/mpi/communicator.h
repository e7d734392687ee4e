// SPDX-License-Identifier: Apache-2.0

// An MPI communicator, owned.
#ifndef MPAIO_MPI_COMMUNICATOR_H_
#define MPAIO_MPI_COMMUNICATOR_H_

#include <mpi.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/base/index.h"

namespace mpaio {

// Null by default; movable, not copyable. A communicator made by Duplicate or SplitByNode is owned,
// and freed by Free() or the destructor (freeing is collective in MPI's sense, but Open MPI does
// not synchronise in it). One made by World() is not owned.
//
// Null stands for "this process alone, MPI not started": rank() is 0 and size() is 1, and all
// collective calls below return at once. Errors of all calls: those of MpiStatus.
class Communicator {
 public:
  Communicator() = default;
  Communicator(Communicator&& other) noexcept;
  Communicator& operator=(Communicator&& other) noexcept;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  ~Communicator() { Free().IgnoreError(); }

  // Returns MPI_COMM_WORLD, with MPI_ERRORS_RETURN set. Precondition: MPI has been started.
  static absl::StatusOr<Communicator> World();

  // Returns this process's rank in MPI_COMM_WORLD. Precondition: MPI has been started.
  static absl::StatusOr<int> WorldRank();

  // Collective over this communicator. Returns another one with the same ranks; their messages do
  // not mix.
  absl::StatusOr<Communicator> Duplicate() const;
  // Collective. Returns the ranks that share memory with this one, in the order of their ranks
  // here.
  absl::StatusOr<Communicator> SplitByNode() const;

  bool is_null() const { return comm_ == MPI_COMM_NULL; }
  int rank() const { return rank_; }
  int size() const { return size_; }
  MPI_Comm get() const { return comm_; }

  // Collective. Returns on no rank before all have called it.
  absl::Status Barrier() const;
  // Collective. Copies `*bytes` of `root` to every rank. Errors: also InvalidArgument, on every
  // rank, for more than 2^31 - 1 bytes.
  absl::Status Broadcast(int root, std::string* bytes) const;
  // Collective. Returns the smallest of the ranks' values, on every rank.
  absl::StatusOr<Index> Minimum(Index value) const;
  // Collective. Stores each rank's value, by rank, on every rank.
  absl::Status AllGather(int value, std::vector<int>* values) const;

  // Collective. Frees an owned communicator, which is null afterwards. Idempotent.
  absl::Status Free();

  // MPI_Abort: ends every process of the world at once; for null, only this process.
  [[noreturn]] void Abort(int exit_status) const;

 private:
  static absl::StatusOr<Communicator> Of(MPI_Comm comm, bool owned);

  MPI_Comm comm_ = MPI_COMM_NULL;
  bool owned_ = false;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace mpaio

#endif  // MPAIO_MPI_COMMUNICATOR_H_
