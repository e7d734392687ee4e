// SPDX-License-Identifier: Apache-2.0
#include "mpaio/testing/resident_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <vector>

namespace mpaio {

Index PageBytes() { return sysconf(_SC_PAGESIZE); }

Index NumResidentPages(const std::byte* data, Index size_bytes) {
  std::vector<unsigned char> flags(static_cast<std::size_t>(CeilDivide(size_bytes, PageBytes())));
  if (mincore(const_cast<std::byte*>(data), static_cast<std::size_t>(size_bytes), flags.data()) !=
      0)
    return -1;
  Index count = 0;
  for (const unsigned char flag : flags) count += flag & 1;
  return count;
}

}  // namespace mpaio
