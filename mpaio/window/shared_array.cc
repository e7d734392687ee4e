#include "mpaio/window/shared_array.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/array/npy_file.h"
#include "mpaio/base/status_macros.h"

namespace mpaio {
namespace {

// What a rank found under the path, as one line that can be compared.
std::string Describe(const NpyFile& file) {
  return absl::StrCat(file.header().dtype.ToString(), " ", ShapeToString(file.header().shape), ", ", file.header().data_size_bytes, " bytes");
}

absl::Status CheckSameOnAllRanks(Executor& executor, const NpyFile& file) {
  const std::string mine = Describe(file);
  std::string of_rank_0 = mine;
  MPAIO_RETURN_IF_ERROR(executor.Broadcast(&of_rank_0));
  absl::Status same;
  if (mine != of_rank_0) {
    same = absl::FailedPreconditionError(absl::StrCat(file.path(), " is not the same on every node: rank 0 sees ", of_rank_0, ", rank ",
                                                      executor.rank(), " on ", executor.host(), " sees ", mine,
                                                      "; copy it to all nodes or put it on a shared file system"));
  }
  return executor.Agree(same);
}

}  // namespace

absl::StatusOr<SharedArray> SharedArray::Create(Executor& executor, DType dtype, std::vector<Index> shape) {
  MPAIO_ASSIGN_OR_RETURN(const Index size_bytes, ArraySizeBytes(dtype, shape));
  MPAIO_ASSIGN_OR_RETURN(SharedMemory* const memory, executor.Allocate(size_bytes));
  MPAIO_ASSIGN_OR_RETURN(MutableNdView array, MutableNdView::Create(memory->data(), dtype, std::move(shape)));
  return SharedArray(memory, std::move(array));
}

absl::StatusOr<SharedArray> SharedArray::FromNpy(Executor& executor, const std::string& path) {
  absl::StatusOr<NpyFile> file = NpyFile::Open(path);
  MPAIO_RETURN_IF_ERROR(executor.Agree(file.status()));
  MPAIO_RETURN_IF_ERROR(CheckSameOnAllRanks(executor, *file));
  MPAIO_ASSIGN_OR_RETURN(SharedArray array, Create(executor, file->header().dtype, file->header().shape));

  // Shares of whole pages, so that no page is touched by two ranks.
  const Index page_bytes = sysconf(_SC_PAGESIZE);
  const Index size_bytes = array.view().size_bytes();
  const Index pages = CeilDivide(size_bytes, page_bytes);
  const Index begin = std::min(size_bytes, pages * executor.node_rank() / executor.node_size() * page_bytes);
  const Index end = std::min(size_bytes, pages * (executor.node_rank() + 1) / executor.node_size() * page_bytes);
  const absl::Status read = file->ReadInto(
      begin, std::span<std::byte>(array.array_.mutable_data() + begin, static_cast<std::size_t>(end - begin)));
  MPAIO_RETURN_IF_ERROR(executor.Agree(read));
  // Half the pages that a rank of two will read were filled by the other: mapped now, all at once, they cost a fraction of a fault each. Not on
  // nodes of many ranks, where each will read a small part only.
  constexpr int kFewRanks = 8;
  if (executor.node_size() <= kFewRanks) {
    array.memory_->MapForReading(0, begin);
    array.memory_->MapForReading(CeilDivide(end, page_bytes) * page_bytes, size_bytes);
  }
  MPAIO_RETURN_IF_ERROR(array.Seal(executor));
  return array;
}

absl::Status SharedArray::Seal(Executor& executor) {
  if (sealed_) return absl::OkStatus();
  MPAIO_RETURN_IF_ERROR(memory_->Synchronize());
  MPAIO_RETURN_IF_ERROR(executor.Agree(memory_->ProtectReadOnly()));
  sealed_ = true;
  return absl::OkStatus();
}

}  // namespace mpaio
