// SPDX-License-Identifier: Apache-2.0

// Is there room for more shared memory on this node? Asked before it is allocated, because
// afterwards it is too late: Open MPI hangs, or the kernel sends SIGBUS or kills the process at the
// first touch.
#ifndef MPAIO_EXECUTOR_MEMORY_CAPACITY_H_
#define MPAIO_EXECUTOR_MEMORY_CAPACITY_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// How much can be had, what limits it, and how to get more.
struct MemoryCapacity {
  Index available_bytes = 0;
  std::string limited_by;
  std::string remedy;
};

// Where Open MPI puts the file behind a window: /dev/shm, or what OMPI_MCA_osc_sm_backing_directory
// names.
std::string BackingDirectory();

// Why no file can be made in `directory`: "no such file or directory", "read-only file system";
// empty where one can be. Leaves nothing there.
std::string WhyNotWritable(const std::string& directory);

// The least of: space in the file system `backing_directory` (unless empty; none if no file can be
// made there), the node's available memory, and the limit of each memory cgroup that this process
// is in. What cannot be read does not limit.
MemoryCapacity FindMemoryCapacity(const std::string& backing_directory);

// From the text of a cgroup's memory limit and usage files: the bytes that may still be had,
// counting `reclaimable_bytes` as free; the largest Index for no limit ("max", or a number near
// 2^63 as cgroup v1 writes it).
Index CgroupCapacity(absl::string_view limit, absl::string_view usage, Index reclaimable_bytes);

// OK if `wanted_bytes` fit in `room`, and besides 8 MiB that Open MPI takes and `kept_bytes` that
// have been promised; else ResourceExhausted: the size wanted, the size there, the limit, the
// remedy.
absl::Status CheckMemoryCapacity(const MemoryCapacity& room, Index wanted_bytes,
                                 Index kept_bytes = 0);

// OK if `wanted_bytes` of memory of its own fit in `room`; else ResourceExhausted: `what` needs so
// much, so much is free, the limit, the remedy.
absl::Status CheckOwnMemory(const MemoryCapacity& room, Index wanted_bytes, absl::string_view what);

// Whether the kernel can back pages without touching what is in them (Linux 5.14).
bool CanPopulateInPlace();

// Makes the kernel back every page of [data, data + size_bytes) now; data must be page-aligned.
// Where it cannot be done in place, that writes zeros. Errors: ResourceExhausted where it has none
// left.
absl::Status PopulatePages(std::byte* data, Index size_bytes);

// The same in place, where CanPopulateInPlace(): 0, or an errno. May be called in a signal handler.
int PopulatePagesInPlace(std::byte* data, Index size_bytes);

// Of the pages of [data, data + size_bytes), a shared mapping, those that have no memory behind
// them. `data` must be page-aligned.
Index UnpopulatedBytes(const std::byte* data, Index size_bytes);

}  // namespace mpaio

#endif  // MPAIO_EXECUTOR_MEMORY_CAPACITY_H_
