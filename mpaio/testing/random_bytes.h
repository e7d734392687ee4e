// SPDX-License-Identifier: Apache-2.0

// Reproducible contents for messages and files.
#ifndef MPAIO_TESTING_RANDOM_BYTES_H_
#define MPAIO_TESTING_RANDOM_BYTES_H_

#include <cstdint>
#include <string>

#include "mpaio/base/index.h"

namespace mpaio {

// Returns `size_bytes` pseudo-random bytes that depend on `seed` alone, on every machine.
std::string RandomBytes(std::uint64_t seed, Index size_bytes);

}  // namespace mpaio

#endif  // MPAIO_TESTING_RANDOM_BYTES_H_
