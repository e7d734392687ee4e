// SPDX-License-Identifier: Apache-2.0
#ifndef MPAIO_BASE_VERSION_H_
#define MPAIO_BASE_VERSION_H_

namespace mpaio {

// The same as in CHANGELOG.md.
inline constexpr char kVersion[] = "0.2.0-dev";

}  // namespace mpaio

#endif  // MPAIO_BASE_VERSION_H_
