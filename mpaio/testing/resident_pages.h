// SPDX-License-Identifier: Apache-2.0

// Counts the resident pages of a memory range.
#ifndef MPAIO_TESTING_RESIDENT_PAGES_H_
#define MPAIO_TESTING_RESIDENT_PAGES_H_

#include <cstddef>

#include "mpaio/base/index.h"

namespace mpaio {

Index PageBytes();

// Returns how many of the pages of [data, data + size_bytes) are in memory, or -1 if some of them
// are not mapped. Precondition: `data` is aligned to a page.
Index NumResidentPages(const std::byte* data, Index size_bytes);

}  // namespace mpaio

#endif  // MPAIO_TESTING_RESIDENT_PAGES_H_
