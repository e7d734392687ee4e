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

// Null by default; movable, not copyable. Freeing is collective over the node, so neither the
// destructor nor an assignment frees: call Free() on every rank. A window that is not freed stays
// until the process ends.
class SharedWindow {
 public:
  SharedWindow() = default;
  SharedWindow(SharedWindow&& other) noexcept;
  SharedWindow& operator=(SharedWindow&& other) noexcept;
  SharedWindow(const SharedWindow&) = delete;
  SharedWindow& operator=(const SharedWindow&) = delete;
  ~SharedWindow() = default;

  // Collective over `node` (SplitByNode), which must have at least two ranks: with one, Open MPI's
  // window is ordinary private memory. The node's first rank allocates `size_bytes` and all map
  // them; every rank must pass the same size.
  //
  // Precondition: the memory is available (check with MemoryCapacity). If it is not, Open MPI
  // returns an error on its first rank and never returns on the others.
  static absl::StatusOr<SharedWindow> Allocate(const Communicator& node, Index size_bytes);
  // The same, for ranks that continue after an error on one of them: `*window` is then a window
  // that is only partly made, and all ranks have to free it. Precondition: `*window` is null.
  static absl::Status Allocate(const Communicator& node, Index size_bytes, SharedWindow* window);

  // The first byte, aligned to a page. Its address differs between ranks.
  std::byte* data() const { return data_; }
  Index size_bytes() const { return size_bytes_; }

  // Memory ordering: stores by any rank of the node before its call are visible to every rank after
  // its call. Collective over the node; a rank that fails does not keep the others waiting.
  absl::Status Synchronize(const Communicator& node) const;

  // Collective over the node; a rank that fails does not keep the others waiting. Idempotent.
  absl::Status Free();

  // Returns the memory to the system, but keeps the window until the process ends. For use when
  // other ranks may be dead, because Free() needs all of them. Later reads return zeros. Not
  // collective: one rank's call is enough, after the last use by any rank.
  void Empty() const;

 private:
  MPI_Win window_ = MPI_WIN_NULL;
  bool is_locked_ = false;
  std::byte* data_ = nullptr;
  Index size_bytes_ = 0;
};

}  // namespace mpaio

#endif  // MPAIO_MPI_SHARED_WINDOW_H_
