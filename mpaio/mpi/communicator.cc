// SPDX-License-Identifier: Apache-2.0
#include "mpaio/mpi/communicator.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/mpi/error.h"

namespace mpaio {

absl::StatusOr<Communicator> Communicator::Of(MPI_Comm comm, bool owned) {
  Communicator result;
  MPAIO_RETURN_IF_ERROR(MpiStatus("MPI_Comm_rank", MPI_Comm_rank(comm, &result.rank_)));
  MPAIO_RETURN_IF_ERROR(MpiStatus("MPI_Comm_size", MPI_Comm_size(comm, &result.size_)));
  result.comm_ = comm;
  result.owned_ = owned;
  return result;
}

Communicator::Communicator(Communicator&& other) noexcept
    : comm_(std::exchange(other.comm_, MPI_COMM_NULL)),
      owned_(std::exchange(other.owned_, false)),
      rank_(std::exchange(other.rank_, 0)),
      size_(std::exchange(other.size_, 1)) {}

Communicator& Communicator::operator=(Communicator&& other) noexcept {
  if (this != &other) {
    Free().IgnoreError();
    comm_ = std::exchange(other.comm_, MPI_COMM_NULL);
    owned_ = std::exchange(other.owned_, false);
    rank_ = std::exchange(other.rank_, 0);
    size_ = std::exchange(other.size_, 1);
  }
  return *this;
}

absl::StatusOr<Communicator> Communicator::World() {
  MPAIO_RETURN_IF_ERROR(MpiStatus("MPI_Comm_set_errhandler",
                                  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN)));
  return Of(MPI_COMM_WORLD, /*owned=*/false);
}

absl::StatusOr<int> Communicator::WorldRank() {
  int rank = 0;
  MPAIO_RETURN_IF_ERROR(MpiStatus("MPI_Comm_rank", MPI_Comm_rank(MPI_COMM_WORLD, &rank)));
  return rank;
}

absl::StatusOr<Communicator> Communicator::Duplicate() const {
  if (is_null()) return Communicator();
  MPI_Comm copy = MPI_COMM_NULL;
  MPAIO_RETURN_IF_ERROR(MpiStatus("MPI_Comm_dup", MPI_Comm_dup(comm_, &copy)));
  return Of(copy, /*owned=*/true);
}

absl::StatusOr<Communicator> Communicator::SplitByNode() const {
  if (is_null()) return Communicator();
  MPI_Comm node = MPI_COMM_NULL;
  MPAIO_RETURN_IF_ERROR(
      MpiStatus("MPI_Comm_split_type",
                MPI_Comm_split_type(comm_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node)));
  return Of(node, /*owned=*/true);
}

absl::Status Communicator::Barrier() const {
  return is_null() ? absl::OkStatus() : MpiStatus("MPI_Barrier", MPI_Barrier(comm_));
}

absl::Status Communicator::Broadcast(int root, std::string* bytes) const {
  if (is_null()) return absl::OkStatus();
  std::int64_t size = static_cast<std::int64_t>(bytes->size());
  MPAIO_RETURN_IF_ERROR(MpiStatus("MPI_Bcast", MPI_Bcast(&size, 1, MPI_INT64_T, root, comm_)));
  const std::optional<int> count = CheckedCast<int>(size);
  if (!count)
    return absl::InvalidArgumentError(
        absl::StrCat("a broadcast of ", size, " bytes is over MPI's limit of 2^31 - 1"));
  bytes->resize(static_cast<std::size_t>(size));
  return MpiStatus("MPI_Bcast", MPI_Bcast(bytes->data(), *count, MPI_BYTE, root, comm_));
}

absl::StatusOr<Index> Communicator::Minimum(Index value) const {
  if (is_null()) return value;
  Index smallest = value;
  MPAIO_RETURN_IF_ERROR(
      MpiStatus("MPI_Allreduce", MPI_Allreduce(&value, &smallest, 1, MPI_INT64_T, MPI_MIN, comm_)));
  return smallest;
}

absl::Status Communicator::AllGather(int value, std::vector<int>* values) const {
  values->assign(static_cast<std::size_t>(size_), value);
  if (is_null()) return absl::OkStatus();
  return MpiStatus("MPI_Allgather",
                   MPI_Allgather(&value, 1, MPI_INT, values->data(), 1, MPI_INT, comm_));
}

absl::Status Communicator::Free() {
  if (!owned_ || comm_ == MPI_COMM_NULL) return absl::OkStatus();
  owned_ = false;
  return MpiStatus("MPI_Comm_free", MPI_Comm_free(&comm_));
}

void Communicator::Abort(int exit_status) const {
  if (!is_null()) MPI_Abort(comm_, exit_status);
  std::_Exit(exit_status);
}

}  // namespace mpaio
