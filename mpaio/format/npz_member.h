// SPDX-License-Identifier: Apache-2.0

// The .npz format: zip archives whose members are .npy files.
#ifndef MPAIO_FORMAT_NPZ_MEMBER_H_
#define MPAIO_FORMAT_NPZ_MEMBER_H_

#include "mpaio/format/array_format.h"

namespace mpaio {

// Opens the member that the input names: x, or else x.npy, as in numpy; or the only one. Refuses
// zip archives of other formats by name.
ArrayFormat NpzFormat();

}  // namespace mpaio

#endif  // MPAIO_FORMAT_NPZ_MEMBER_H_
