// SPDX-License-Identifier: Apache-2.0

// Contents for messages and files.
#ifndef MPAIO_TESTING_RANDOM_BYTES_H_
#define MPAIO_TESTING_RANDOM_BYTES_H_

#include <cstdint>
#include <string>

#include "mpaio/base/index.h"

namespace mpaio {

// `size_bytes` bytes that follow from `seed`, the same everywhere.
std::string RandomBytes(std::uint64_t seed, Index size_bytes);

}  // namespace mpaio

#endif  // MPAIO_TESTING_RANDOM_BYTES_H_
