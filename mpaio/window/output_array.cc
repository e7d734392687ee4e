// SPDX-License-Identifier: Apache-2.0
#include "mpaio/window/output_array.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/host/memory_capacity.h"
#include "mpaio/window/stream_copy.h"

namespace mpaio {
namespace {

// Atomic, because several ranks may store the same bytes to the same place at once, which is a data
// race with plain stores.
void StoreRelaxed(absl::string_view from, std::byte* to) {
  constexpr std::size_t kWordBytes = sizeof(std::uint64_t);
  std::size_t at = 0;
  const auto store_bytes_until = [&](std::size_t end) {
    for (; at < end; ++at)
      std::atomic_ref(to[at]).store(static_cast<std::byte>(from[at]), std::memory_order_relaxed);
  };
  store_bytes_until(std::min(
      from.size(), (kWordBytes - reinterpret_cast<std::uintptr_t>(to) % kWordBytes) % kWordBytes));
  for (; at + kWordBytes <= from.size(); at += kWordBytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, from.data() + at, kWordBytes);
    std::atomic_ref(*reinterpret_cast<std::uint64_t*>(to + at))
        .store(word, std::memory_order_relaxed);
  }
  store_bytes_until(from.size());
}

}  // namespace

class OutputArray::ThreadBuffers {
 public:
  // Returns the calling thread's buffer. It grows to the size of the thread's largest chunk; its
  // contents are kept unless it grows.
  std::byte* Get(Index size_bytes) {
    Buffer& buffer = OfThisThread();
    if (size_bytes > buffer.size_bytes) {
      buffer.bytes.reset();
      // Not initialised, because it is written before it is read.
      buffer.bytes =
          std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(size_bytes));
      buffer.size_bytes = size_bytes;
    }
    return buffer.bytes.get();
  }

 private:
  struct Buffer {
    std::unique_ptr<std::byte[]> bytes;
    Index size_bytes = 0;
  };

  // Only the thread itself uses its buffer, so the lock protects the map alone, whose elements stay
  // where they are. Compared with writing a chunk to the file, it costs nothing.
  Buffer& OfThisThread() {
    const std::lock_guard lock(mutex_);
    return buffers_[std::this_thread::get_id()];
  }

  std::mutex mutex_;
  std::map<std::thread::id, Buffer> buffers_;
};

absl::StatusOr<OutputArray> OutputArray::Create(Executor& executor, DType dtype,
                                                std::vector<Index> shape) {
  OutputArray output;
  MPAIO_ASSIGN_OR_RETURN(output.array_, SharedArray::Create(executor, dtype, std::move(shape)));
  output.executor_ = &executor;
  output.is_on_rank_0s_node_ = executor.node() == 0;
  return output;
}

absl::StatusOr<OutputArray> OutputArray::Reserve(Executor& executor, DType dtype,
                                                 std::vector<Index> shape) {
  // Other kernels can reserve pages only by zeroing them, which takes longer than most jobs.
  MPAIO_RETURN_IF_ERROR(executor.Agree(
      CanPopulateInPlace() ? absl::OkStatus()
                           : absl::ResourceExhaustedError(
                                 "memory cannot be reserved without being used: the kernel is "
                                 "older than Linux 5.14")));
  OutputArray output;
  MPAIO_ASSIGN_OR_RETURN(
      output.array_, SharedArray::Create(executor, dtype, std::move(shape), PagePolicy::kOnDemand));
  output.executor_ = &executor;
  output.is_on_rank_0s_node_ = executor.node() == 0;
  output.is_reserved_ = true;
  return output;
}

absl::Status OutputArray::Populate(RowRange rows) const {
  return is_reserved_
             ? array_.Populate(rows.begin * view().row_bytes(), rows.end * view().row_bytes())
             : absl::OkStatus();
}

absl::StatusOr<OutputArray> OutputArray::CreateInFile(Executor& executor, const std::string& path,
                                                      DType dtype, std::vector<Index> shape) {
  OutputArray output;
  output.is_in_file_ = true;
  output.buffers_ = std::make_shared<ThreadBuffers>();
  absl::StatusOr<NdView> view = NdView::Create(nullptr, dtype, shape);
  MPAIO_RETURN_IF_ERROR(executor.Agree(view.status()));
  output.in_file_ = *std::move(view);
  std::string address;
  absl::Status made;
  output.file_share_ = OpenFileShare::Take();
  const bool may_open = output.file_share_.is_taken();
  if (executor.rank() == 0 && !may_open) {
    made = absl::UnavailableError(
        absl::StrCat(path, " cannot be kept open: too many files are open already"));
  } else if (executor.rank() == 0) {
    absl::StatusOr<NpyFile> file = NpyFile::Create(path, dtype, shape);
    made = file.status();
    if (file.ok()) {
      output.file_ = std::make_shared<NpyFile>(*std::move(file));
      address = output.file_->address();
    }
  }
  MPAIO_RETURN_IF_ERROR(executor.Agree(made));
  MPAIO_RETURN_IF_ERROR(executor.Broadcast(&address));
  if (executor.rank() != 0 && executor.node() == 0 && may_open) {
    // A failure is no error: a rank that cannot open the file sends its rows to rank 0.
    absl::StatusOr<NpyFile> file = NpyFile::Attach(address);
    if (file.ok()) output.file_ = std::make_shared<NpyFile>(*std::move(file));
  }
  // No rank continues before all have opened the file.
  MPAIO_RETURN_IF_ERROR(executor.Agree(absl::OkStatus()));
  return output;
}

std::byte* OutputArray::RowBytes(RowRange rows) const {
  if (!is_in_file_) return array_.mutable_view().MutableRowData(rows.begin);
  return buffers_->Get(rows.size() * view().row_bytes());
}

absl::StatusOr<WrittenRows> OutputArray::Finish(RowRange rows) const {
  const Index size_bytes = rows.size() * view().row_bytes();
  if (is_in_file_ && file_ != nullptr && !rows_travel_) {
    MPAIO_RETURN_IF_ERROR(
        file_->Write(rows.begin * view().row_bytes(), buffers_->Get(size_bytes), size_bytes));
    return WrittenRows();
  }
  if (!is_in_file_ && is_on_rank_0s_node_ && !rows_travel_) return WrittenRows();
  const std::byte* const first =
      is_in_file_ ? buffers_->Get(size_bytes) : view().RowData(rows.begin);
  return WrittenRows(reinterpret_cast<const char*>(first), static_cast<std::size_t>(size_bytes));
}

absl::Status OutputArray::Accept(RowRange rows, const WrittenRows& written) const {
  if (written.empty()) return absl::OkStatus();
  if (static_cast<Index>(written.size()) != rows.size() * view().row_bytes()) {
    return absl::InternalError(absl::StrCat("rows ", rows.begin, " to ", rows.end - 1,
                                            " came back as ", written.size(), " bytes instead of ",
                                            rows.size() * view().row_bytes()));
  }
  if (is_in_file_) {
    return file_->Write(rows.begin * view().row_bytes(),
                        reinterpret_cast<const std::byte*>(written.data()),
                        static_cast<Index>(written.size()));
  }
  MPAIO_RETURN_IF_ERROR(Populate(rows));
  // The rows are not read before the run has ended.
  StreamCopy(array_.mutable_view().MutableRowData(rows.begin),
             reinterpret_cast<const std::byte*>(written.data()),
             static_cast<Index>(written.size()));
  return absl::OkStatus();
}

absl::Status OutputArray::Share(Index piece_bytes) const {
  const RowRange all = {0, view().num_rows()};
  return Share({&all, 1}, piece_bytes);
}

absl::Status OutputArray::Share(std::span<const RowRange> rows, Index piece_bytes) const {
  if (executor_ == nullptr) return absl::OkStatus();
  if (executor_->num_nodes() > 1) {
    for (const RowRange some : rows) MPAIO_RETURN_IF_ERROR(ShareRows(some, piece_bytes));
  }
  // All stores precede this call, and all reads follow it.
  return executor_->Agree(absl::OkStatus());
}

absl::Status OutputArray::ShareRows(RowRange rows, Index piece_bytes) const {
  const Index size_bytes = rows.size() * view().row_bytes();
  // No rank continues unless all can store the rows.
  MPAIO_RETURN_IF_ERROR(
      is_reserved_ ? executor_->Agree(is_on_rank_0s_node_ ? absl::OkStatus() : Populate(rows))
                   : absl::OkStatus());
  std::byte* const data = array_.mutable_view().mutable_data() + rows.begin * view().row_bytes();
  std::string piece;
  for (Index begin = 0; begin < size_bytes; begin += piece_bytes) {
    const auto piece_size = static_cast<std::size_t>(std::min(piece_bytes, size_bytes - begin));
    if (executor_->rank() == 0)
      piece.assign(reinterpret_cast<const char*>(data + begin), piece_size);
    MPAIO_RETURN_IF_ERROR(executor_->Broadcast(&piece));
    // Every rank of the node stores the same bytes, because any of them may have died.
    if (!is_on_rank_0s_node_)
      StoreRelaxed(absl::string_view(piece).substr(0, piece_size), data + begin);
  }
  return absl::OkStatus();
}

}  // namespace mpaio
