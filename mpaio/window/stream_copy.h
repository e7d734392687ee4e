// SPDX-License-Identifier: Apache-2.0

// Copies to memory that will not be read soon.
#ifndef MPAIO_WINDOW_STREAM_COPY_H_
#define MPAIO_WINDOW_STREAM_COPY_H_

#include <cstddef>

#include "mpaio/base/index.h"

namespace mpaio {

// As memcpy, but bypasses the cache: a plain store first reads the cache line that it overwrites,
// and evicts data that others may want to read. Use it for large amounts of output that is not read
// during the run; memcpy is faster for data that is read soon or fits in the cache.
//
// Precondition: `from` and `to` do not overlap; they may have any alignment. Reentrant. Memory
// ordering: that of plain stores (streaming stores are fenced before it returns). On processors
// without known streaming stores it is memcpy.
void StreamCopy(std::byte* to, const std::byte* from, Index size_bytes);

}  // namespace mpaio

#endif  // MPAIO_WINDOW_STREAM_COPY_H_
