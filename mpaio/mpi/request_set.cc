#include "mpaio/mpi/request_set.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/mpi/error.h"

namespace mpaio {
namespace {

absl::StatusOr<int> MpiCount(Index size_bytes) {
  const std::optional<int> count = CheckedCast<int>(size_bytes);
  if (!count || *count < 0) {
    return absl::InvalidArgumentError(absl::StrCat("a message of ", size_bytes, " bytes is not in MPI's range of 0 to 2^31 - 1"));
  }
  return *count;
}

}  // namespace

absl::Status RequestSet::Send(const Communicator& comm, int to, int tag, const void* bytes, Index size_bytes,
                              std::uint64_t token) {
  MPAIO_ASSIGN_OR_RETURN(const int count, MpiCount(size_bytes));
  MPI_Request request = MPI_REQUEST_NULL;
  MPAIO_RETURN_IF_ERROR(MpiStatus("MPI_Isend", MPI_Isend(bytes, count, MPI_BYTE, to, tag, comm.get(), &request)));
  requests_.push_back(request);
  tags_.push_back({token, /*is_send=*/true});
  return absl::OkStatus();
}

absl::Status RequestSet::Receive(const Communicator& comm, int from, int tag, void* bytes, Index capacity_bytes,
                                 std::uint64_t token) {
  MPAIO_ASSIGN_OR_RETURN(const int count, MpiCount(capacity_bytes));
  MPI_Request request = MPI_REQUEST_NULL;
  MPAIO_RETURN_IF_ERROR(MpiStatus("MPI_Irecv", MPI_Irecv(bytes, count, MPI_BYTE, from, tag, comm.get(), &request)));
  requests_.push_back(request);
  tags_.push_back({token, /*is_send=*/false});
  return absl::OkStatus();
}

absl::StatusOr<TestOutcome> RequestSet::TestSome(std::vector<Completion>* completed) {
  if (requests_.empty()) return TestOutcome::kNothingActive;
  indices_.resize(requests_.size());
  statuses_.resize(requests_.size());
  int count = 0;
  const int code = MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &count, indices_.data(), statuses_.data());
  if (code != MPI_SUCCESS) {
    // MPI_ERR_IN_STATUS says only that one of them failed; its own code says why.
    for (int k = 0; code == MPI_ERR_IN_STATUS && k < count; ++k) {
      if (statuses_[k].MPI_ERROR != MPI_SUCCESS) return MpiStatus("MPI_Testsome", statuses_[k].MPI_ERROR);
    }
    return MpiStatus("MPI_Testsome", code);
  }
  if (count == MPI_UNDEFINED) return TestOutcome::kNothingActive;
  if (count == 0) return TestOutcome::kNoneCompleted;
  for (int k = 0; k < count; ++k) {
    const Tag& tag = tags_[indices_[k]];
    int bytes = 0;
    if (!tag.is_send) MPI_Get_count(&statuses_[k], MPI_BYTE, &bytes);
    completed->push_back({tag.token, bytes});
  }
  // Fill the holes from the back; the largest index first, so that what is moved is never itself a hole.
  std::sort(indices_.begin(), indices_.begin() + count, std::greater<int>());
  for (int k = 0; k < count; ++k) {
    const int hole = indices_[k];
    requests_[hole] = requests_.back();
    tags_[hole] = tags_.back();
    requests_.pop_back();
    tags_.pop_back();
  }
  return TestOutcome::kCompleted;
}

absl::Status RequestSet::CancelAll() {
  absl::Status status;
  for (std::size_t k = 0; k < requests_.size(); ++k) {
    if (tags_[k].is_send) {
      int done = 0;
      status.Update(MpiStatus("MPI_Test", MPI_Test(&requests_[k], &done, MPI_STATUS_IGNORE)));
      if (!done) status.Update(MpiStatus("MPI_Request_free", MPI_Request_free(&requests_[k])));
    } else {
      status.Update(MpiStatus("MPI_Cancel", MPI_Cancel(&requests_[k])));
      status.Update(MpiStatus("MPI_Wait", MPI_Wait(&requests_[k], MPI_STATUS_IGNORE)));
    }
  }
  requests_.clear();
  tags_.clear();
  return status;
}

}  // namespace mpaio
