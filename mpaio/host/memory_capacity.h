// SPDX-License-Identifier: Apache-2.0

// Checks that a node has memory for more shared memory. The check precedes the allocation, because
// afterwards it is too late: Open MPI hangs, or the kernel sends SIGBUS or kills the process at the
// first touch.
#ifndef MPAIO_HOST_MEMORY_CAPACITY_H_
#define MPAIO_HOST_MEMORY_CAPACITY_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "mpaio/base/index.h"

namespace mpaio {

// Available memory, its limit, and how to get more.
struct MemoryCapacity {
  Index available_bytes = 0;
  std::string limited_by;
  std::string remedy;
};

// Returns why no file can be made in `directory`: "no such file or directory", "read-only file
// system"; empty where one can be made. Leaves nothing there.
std::string WhyNotWritable(const std::string& directory);

// Returns the least of: space in the file system of `backing_directory` (unless the name is empty;
// 0 if no file can be made there), the node's available memory, and the rest of the limit of each
// memory cgroup that this process is in. A value that cannot be read does not limit. `setting`: the
// environment variable that names the directory, for the remedy; empty if there is none.
MemoryCapacity FindMemoryCapacity(const std::string& backing_directory,
                                  absl::string_view setting = "");

// Returns OK if `wanted_bytes` fit in `capacity` together with 8 MiB for Open MPI and `kept_bytes`
// that are reserved already; else ResourceExhausted with the size wanted, the size available, the
// limit and the remedy.
absl::Status CheckMemoryCapacity(const MemoryCapacity& capacity, Index wanted_bytes,
                                 Index kept_bytes = 0);

// Returns OK if `wanted_bytes` of private memory fit in `capacity`; else ResourceExhausted: how
// much `what` needs, how much is free, the limit and the remedy.
absl::Status CheckOwnMemory(const MemoryCapacity& capacity, Index wanted_bytes,
                            absl::string_view what);

// True if the kernel can populate pages without changing their contents (Linux 5.14).
bool CanPopulateInPlace();

// Populates every page of [data, data + size_bytes) now. Precondition: `data` is page-aligned.
// Writes zeros if pages cannot be populated in place. Errors: ResourceExhausted where no memory is
// left.
absl::Status PopulatePages(std::byte* data, Index size_bytes);

// Does the same in place. Precondition: CanPopulateInPlace(). Returns 0 or an errno.
// Async-signal-safe.
int PopulatePagesInPlace(std::byte* data, Index size_bytes);

// Returns how many bytes of [data, data + size_bytes), a shared mapping, are in pages that are not
// populated. Precondition: `data` is page-aligned.
Index UnpopulatedBytes(const std::byte* data, Index size_bytes);

}  // namespace mpaio

#endif  // MPAIO_HOST_MEMORY_CAPACITY_H_
