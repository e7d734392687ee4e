// SPDX-License-Identifier: Apache-2.0
#include "mpaio/executor/executor.h"

#include <errno.h>
#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "mpaio/host/memory_capacity.h"

namespace mpaio {

absl::Status SharedMemory::Populate(Index begin, Index end) {
  const Index page_bytes = sysconf(_SC_PAGESIZE);
  const Index first = begin - begin % page_bytes;
  // If pages cannot be populated in place, all were populated at the allocation, and their contents
  // must not be zeroed.
  return begin == end || !CanPopulateInPlace()
             ? absl::OkStatus()
             : PopulatePages(data() + first, CeilDivide(end, page_bytes) * page_bytes - first);
}

absl::Status SharedMemory::ProtectReadOnly() { return Protect(PROT_READ); }
absl::Status SharedMemory::AllowStores() { return Protect(PROT_READ | PROT_WRITE); }

absl::Status SharedMemory::Protect(int how) {
  const Index page_bytes = sysconf(_SC_PAGESIZE);
  const Index whole_pages = CeilDivide(size_bytes(), page_bytes) * page_bytes;
  if (whole_pages > 0 && mprotect(data(), static_cast<std::size_t>(whole_pages), how) != 0) {
    return absl::InternalError(
        absl::StrCat("shared memory could not be protected (mprotect): ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

Index UnpopulatedBytes(const std::vector<const SharedMemory*>& memories) {
  Index bytes = 0;
  for (const SharedMemory* memory : memories)
    bytes += UnpopulatedBytes(memory->data(), memory->size_bytes());
  return bytes;
}

std::string HostName() {
  char name[HOST_NAME_MAX + 1] = {};
  return gethostname(name, sizeof(name)) == 0 ? name : "unknown";
}

}  // namespace mpaio
