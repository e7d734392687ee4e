// SPDX-License-Identifier: Apache-2.0

// Memory that the ranks of a node share: MPI_Win_allocate_shared (MPI-4.0, section 12.2.3), owned.
#ifndef MPAIO_MPI_SHARED_WINDOW_H_
#define MPAIO_MPI_SHARED_WINDOW_H_

#include <mpi.h>

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mpaio/base/index.h"
#include "mpaio/mpi/communicator.h"

namespace mpaio {

// Null by default; moves, does not copy. Freeing is collective over the node, so the destructor
// does not do it: call Free() on every rank; a window that is merely dropped stays until the
// process ends.
class SharedWindow {
 public:
  SharedWindow() = default;
  SharedWindow(SharedWindow&& other) noexcept;
  SharedWindow& operator=(SharedWindow&& other) noexcept;
  SharedWindow(const SharedWindow&) = delete;
  SharedWindow& operator=(const SharedWindow&) = delete;
  ~SharedWindow() = default;

  // Collective over `node` (SplitByNode), which must have at least two ranks: for one, Open MPI's
  // window is ordinary private memory. `size_bytes` are allocated by the node's first rank and
  // mapped by all; every rank must pass the same size.
  //
  // There must be room: where Open MPI does not find it, its first rank gets an error and the
  // others never return. So look first (MemoryCapacity).
  static absl::StatusOr<SharedWindow> Allocate(const Communicator& node, Index size_bytes);
  // The same, for ranks that go on after an error of one of them: `*window` is then what there is
  // of it, which all have to free. Null before.
  static absl::Status Allocate(const Communicator& node, Index size_bytes, SharedWindow* window);

  // The first byte, aligned to a page. Different ranks see it at different addresses.
  std::byte* data() const { return data_; }
  Index size_bytes() const { return size_bytes_; }

  // Memory ordering: what any rank of the node stored before its call is seen by loads of every
  // rank after its call. Collective over the node; a rank that fails does not keep the others
  // waiting.
  absl::Status Synchronize(const Communicator& node) const;

  // Collective over the node; a rank that fails does not keep the others waiting. Idempotent.
  absl::Status Free();

  // Gives the memory back to the system, and leaves the window, until the process ends: for when
  // others, which would have to free it too, may be dead. What is read there afterwards is zeros.
  // Not collective: one rank's call is enough, after the last use by any.
  void Empty() const;

 private:
  MPI_Win window_ = MPI_WIN_NULL;
  bool is_locked_ = false;
  std::byte* data_ = nullptr;
  Index size_bytes_ = 0;
};

}  // namespace mpaio

#endif  // MPAIO_MPI_SHARED_WINDOW_H_
