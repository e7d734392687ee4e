// SPDX-License-Identifier: Apache-2.0

// Copies to memory that will not be read soon.
#ifndef MPAIO_WINDOW_STREAM_COPY_H_
#define MPAIO_WINDOW_STREAM_COPY_H_

#include <cstddef>

#include "mpaio/base/index.h"

namespace mpaio {

// As memcpy, past the cache: a plain store first reads what it overwrites, and pushes out what
// others may want to read. For rows of an output that nobody reads during the run, where there are
// many of them: what is read soon, or fits in the cache, is copied faster by memcpy.
//
// `from` and `to` do not overlap, and may have any alignment. Thread behaviour: reentrant. Memory
// ordering: as of plain stores (streaming ones are fenced before it returns). Where the processor
// has no streaming stores that we know of it is memcpy.
void StreamCopy(std::byte* to, const std::byte* from, Index size_bytes);

}  // namespace mpaio

#endif  // MPAIO_WINDOW_STREAM_COPY_H_
