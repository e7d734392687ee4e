// SPDX-License-Identifier: Apache-2.0
#include "mpaio/testing/random_bytes.h"

#include <algorithm>
#include <cstring>
#include <random>

namespace mpaio {

std::string RandomBytes(std::uint64_t seed, Index size_bytes) {
  std::mt19937_64 random(seed);
  std::string bytes(static_cast<std::size_t>(size_bytes), '\0');
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    const std::uint64_t word = random();
    std::memcpy(bytes.data() + at, &word, std::min<std::size_t>(8, bytes.size() - at));
  }
  return bytes;
}

}  // namespace mpaio
