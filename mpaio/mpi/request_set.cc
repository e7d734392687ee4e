// SPDX-License-Identifier: Apache-2.0
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
    return absl::InvalidArgumentError(
        absl::StrCat("a message of ", size_bytes, " bytes is not in MPI's range of 0 to 2^31 - 1"));
  }
  return *count;
}

}  // namespace

absl::Status RequestSet::Send(const Communicator& comm, int to, int tag, const void* bytes,
                              Index size_bytes, std::uint64_t token) {
  MPAIO_ASSIGN_OR_RETURN(const int count, MpiCount(size_bytes));
  MPI_Request request = MPI_REQUEST_NULL;
  MPAIO_RETURN_IF_ERROR(
      MpiStatus("MPI_Isend", MPI_Isend(bytes, count, MPI_BYTE, to, tag, comm.get(), &request)));
  requests_.push_back(request);
  tags_.push_back({token, /*is_send=*/true});
  return absl::OkStatus();
}

absl::Status RequestSet::Receive(const Communicator& comm, int from, int tag, void* bytes,
                                 Index capacity_bytes, std::uint64_t token) {
  MPAIO_ASSIGN_OR_RETURN(const int count, MpiCount(capacity_bytes));
  MPI_Request request = MPI_REQUEST_NULL;
  MPAIO_RETURN_IF_ERROR(
      MpiStatus("MPI_Irecv", MPI_Irecv(bytes, count, MPI_BYTE, from, tag, comm.get(), &request)));
  requests_.push_back(request);
  tags_.push_back({token, /*is_send=*/false});
  return absl::OkStatus();
}

absl::StatusOr<TestOutcome> RequestSet::TestSome(std::vector<Completion>* completed) {
  if (requests_.empty()) return TestOutcome::kNothingActive;
  indices_.resize(requests_.size());
  statuses_.resize(requests_.size());
  int count = 0, code = MPI_SUCCESS;
  // If nothing has completed, Open MPI makes progress during the call, and only the next call
  // reports the operations that this has completed.
  for (int calls = 0; calls < 2 && code == MPI_SUCCESS && count == 0; ++calls) {
    code = MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &count,
                        indices_.data(), statuses_.data());
  }
  // MPI_ERR_IN_STATUS means that one of the completed operations has failed; only then are the
  // codes in their statuses set.
  const bool one_failed = code == MPI_ERR_IN_STATUS;
  if (code != MPI_SUCCESS && !one_failed) return MpiStatus("MPI_Testsome", code);
  if (count == MPI_UNDEFINED) return TestOutcome::kNothingActive;
  if (count == 0) return TestOutcome::kNoneCompleted;
  absl::Status status;
  for (int k = 0; k < count; ++k) {
    if (one_failed && statuses_[k].MPI_ERROR != MPI_SUCCESS) {
      status.Update(MpiStatus("MPI_Testsome", statuses_[k].MPI_ERROR));
      continue;
    }
    const Tag& tag = tags_[indices_[k]];
    int bytes = 0;
    if (!tag.is_send) {
      if (const absl::Status counted =
              MpiStatus("MPI_Get_count", MPI_Get_count(&statuses_[k], MPI_BYTE, &bytes));
          !counted.ok()) {
        status.Update(counted);
        continue;
      }
    }
    completed->push_back({tag.token, bytes});
  }
  // Fill the holes from the back, the largest index first, so that no hole is ever moved into
  // another.
  std::sort(indices_.begin(), indices_.begin() + count, std::greater<int>());
  for (int k = 0; k < count; ++k) {
    const int hole = indices_[k];
    requests_[hole] = requests_.back();
    tags_[hole] = tags_.back();
    requests_.pop_back();
    tags_.pop_back();
  }
  if (!status.ok()) return status;
  return TestOutcome::kCompleted;
}

absl::StatusOr<bool> RequestSet::CancelAll() {
  // A cancelled receive completes at once, or after a little work inside MPI. A receive whose
  // message is already arriving cannot be cancelled, and waiting for it would mean waiting for its
  // sender.
  constexpr int kMaxTests = 100;
  absl::Status status;
  bool all_released = true;
  for (std::size_t k = 0; k < requests_.size(); ++k) {
    if (!tags_[k].is_send) status.Update(MpiStatus("MPI_Cancel", MPI_Cancel(&requests_[k])));
    int done = 0;
    for (int tests = 0; tests < kMaxTests && done == 0; ++tests) {
      // Errors no longer matter, such as that of a message longer than its buffer.
      if (MPI_Test(&requests_[k], &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) break;
    }
    if (requests_[k] == MPI_REQUEST_NULL) continue;
    all_released = false;
    status.Update(MpiStatus("MPI_Request_free", MPI_Request_free(&requests_[k])));
  }
  requests_.clear();
  tags_.clear();
  if (!status.ok()) return status;
  return all_released;
}

}  // namespace mpaio
