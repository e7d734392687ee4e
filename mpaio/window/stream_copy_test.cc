// SPDX-License-Identifier: Apache-2.0
#include "mpaio/window/stream_copy.h"

#include <cstddef>
#include <vector>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

// Every alignment of both ends and of the source, around whole cache lines; the bytes around the
// destination stay unchanged.
TEST(StreamCopyTest, CopiesExactlyTheGivenBytes) {
  constexpr Index kMargin = 128;
  for (const Index size : {0, 1, 3, 15, 16, 63, 64, 65, 127, 128, 200, 1000, 4096 + 7}) {
    for (Index to_offset = 0; to_offset < 64; to_offset += to_offset < 20 ? 1 : 11) {
      for (const Index from_offset : {0, 1, 8, 16, 33}) {
        std::vector<std::byte> from(static_cast<std::size_t>(size + 2 * kMargin)),
            to(from.size(), std::byte{0xee});
        for (std::size_t k = 0; k < from.size(); ++k) from[k] = static_cast<std::byte>(k * 7 % 211);
        StreamCopy(to.data() + to_offset, from.data() + from_offset, size);
        for (Index k = 0; k < static_cast<Index>(to.size()); ++k) {
          const bool is_within = k >= to_offset && k < to_offset + size;
          ASSERT_EQ(to[static_cast<std::size_t>(k)],
                    is_within ? from[static_cast<std::size_t>(k - to_offset + from_offset)]
                              : std::byte{0xee})
              << "byte " << k << " of " << size << " to " << to_offset << " from " << from_offset;
        }
      }
    }
  }
}

}  // namespace
}  // namespace mpaio
