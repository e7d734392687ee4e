// SPDX-License-Identifier: Apache-2.0
#include "mpaio/window/stream_copy.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace mpaio {

#if defined(__SSE2__)

// Copies one cache line at a time, so that lines leave the processor's write-combining buffers
// whole.
void StreamCopy(std::byte* to, const std::byte* from, Index size_bytes) {
  constexpr Index kLine = 64;
  const auto misaligned = static_cast<Index>(reinterpret_cast<std::uintptr_t>(to) % kLine);
  const Index head = std::min(size_bytes, misaligned == 0 ? 0 : kLine - misaligned);
  std::memcpy(to, from, static_cast<std::size_t>(head));
  const Index lines_end = head + (size_bytes - head) / kLine * kLine;
  for (Index at = head; at < lines_end; at += kLine) {
    const auto* const source = reinterpret_cast<const __m128i*>(from + at);
    auto* const target = reinterpret_cast<__m128i*>(to + at);
    const __m128i a = _mm_loadu_si128(source), b = _mm_loadu_si128(source + 1),
                  c = _mm_loadu_si128(source + 2), d = _mm_loadu_si128(source + 3);
    _mm_stream_si128(target, a);
    _mm_stream_si128(target + 1, b);
    _mm_stream_si128(target + 2, c);
    _mm_stream_si128(target + 3, d);
  }
  std::memcpy(to + lines_end, from + lines_end, static_cast<std::size_t>(size_bytes - lines_end));
  // Without the fence, a plain store that publishes the data could overtake the streaming stores.
  _mm_sfence();
}

#else

void StreamCopy(std::byte* to, const std::byte* from, Index size_bytes) {
  std::memcpy(to, from, static_cast<std::size_t>(size_bytes));
}

#endif

}  // namespace mpaio
