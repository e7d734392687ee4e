// SPDX-License-Identifier: Apache-2.0
#include "mpaio/mpi/shared_window.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "mpaio/base/status_macros.h"
#include "mpaio/mpi/error.h"

namespace mpaio {

SharedWindow::SharedWindow(SharedWindow&& other) noexcept
    : window_(std::exchange(other.window_, MPI_WIN_NULL)),
      is_locked_(std::exchange(other.is_locked_, false)),
      data_(std::exchange(other.data_, nullptr)),
      size_bytes_(std::exchange(other.size_bytes_, 0)) {}

SharedWindow& SharedWindow::operator=(SharedWindow&& other) noexcept {
  window_ = std::exchange(other.window_, MPI_WIN_NULL);
  is_locked_ = std::exchange(other.is_locked_, false);
  data_ = std::exchange(other.data_, nullptr);
  size_bytes_ = std::exchange(other.size_bytes_, 0);
  return *this;
}

absl::StatusOr<SharedWindow> SharedWindow::Allocate(const Communicator& node, Index size_bytes) {
  SharedWindow result;
  MPAIO_RETURN_IF_ERROR(Allocate(node, size_bytes, &result));
  return result;
}

absl::Status SharedWindow::Allocate(const Communicator& node, Index size_bytes,
                                    SharedWindow* window) {
  // Open MPI keeps its own state before the base, which is only 8-byte aligned: one extra page
  // before the data gives an aligned start, and one after it lets whole pages be protected without
  // affecting the memory that follows. Offsets within a page agree in all processes.
  const Index page_bytes = sysconf(_SC_PAGESIZE);
  const MPI_Aint mine = node.rank() == 0 ? static_cast<MPI_Aint>(size_bytes + 2 * page_bytes) : 0;
  void* own_base = nullptr;
  MPAIO_RETURN_IF_ERROR(MpiStatus(
      "MPI_Win_allocate_shared",
      MPI_Win_allocate_shared(mine, 1, MPI_INFO_NULL, node.get(), &own_base, &window->window_)));
  MPAIO_RETURN_IF_ERROR(MpiStatus("MPI_Win_set_errhandler",
                                  MPI_Win_set_errhandler(window->window_, MPI_ERRORS_RETURN)));
  MPI_Aint leader_bytes = 0;
  int unit = 0;
  void* base = nullptr;
  MPAIO_RETURN_IF_ERROR(
      MpiStatus("MPI_Win_shared_query",
                MPI_Win_shared_query(window->window_, 0, &leader_bytes, &unit, &base)));
  // One passive epoch for the window's lifetime, so that Synchronize may call MPI_Win_sync.
  MPAIO_RETURN_IF_ERROR(
      MpiStatus("MPI_Win_lock_all", MPI_Win_lock_all(MPI_MODE_NOCHECK, window->window_)));
  window->is_locked_ = true;
  const auto address = reinterpret_cast<std::uintptr_t>(base);
  const std::uintptr_t page = static_cast<std::uintptr_t>(page_bytes);
  window->data_ = static_cast<std::byte*>(base) + ((page - address % page) % page);
  window->size_bytes_ = size_bytes;
  return absl::OkStatus();
}

absl::Status SharedWindow::Synchronize(const Communicator& node) const {
  absl::Status status = MpiStatus("MPI_Win_sync", MPI_Win_sync(window_));
  // The other ranks are in the barrier, even if this rank's MPI_Win_sync has failed.
  status.Update(node.Barrier());
  status.Update(MpiStatus("MPI_Win_sync", MPI_Win_sync(window_)));
  return status;
}

void SharedWindow::Empty() const {
  const Index page_bytes = sysconf(_SC_PAGESIZE);
  // Whole pages: data() is page-aligned, and the window has an extra page at the end.
  const auto whole_bytes =
      static_cast<std::size_t>(CeilDivide(size_bytes_, page_bytes) * page_bytes);
  // The window may be read-only, because it was sealed.
  if (data_ != nullptr && mprotect(data_, whole_bytes, PROT_READ | PROT_WRITE) == 0)
    madvise(data_, whole_bytes, MADV_REMOVE);
}

absl::Status SharedWindow::Free() {
  if (window_ == MPI_WIN_NULL) return absl::OkStatus();
  MPI_Win window = std::exchange(window_, MPI_WIN_NULL);
  data_ = nullptr;
  size_bytes_ = 0;
  absl::Status status;
  if (std::exchange(is_locked_, false))
    status = MpiStatus("MPI_Win_unlock_all", MPI_Win_unlock_all(window));
  // The other ranks are in this call, even if this rank's unlock has failed.
  status.Update(MpiStatus("MPI_Win_free", MPI_Win_free(&window)));
  return status;
}

}  // namespace mpaio
