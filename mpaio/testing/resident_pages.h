// SPDX-License-Identifier: Apache-2.0

// Which pages of memory the kernel has put something behind.
#ifndef MPAIO_TESTING_RESIDENT_PAGES_H_
#define MPAIO_TESTING_RESIDENT_PAGES_H_

#include <cstddef>

#include "mpaio/base/index.h"

namespace mpaio {

Index PageBytes();

// How many of the pages of [data, data + size_bytes) are in memory; -1 where some of them are not
// mapped at all. `data` must be aligned to a page.
Index NumResidentPages(const std::byte* data, Index size_bytes);

}  // namespace mpaio

#endif  // MPAIO_TESTING_RESIDENT_PAGES_H_
