// SPDX-License-Identifier: Apache-2.0

// Runs every kernel that is compiled for several instruction sets over given data, for
// multiversion_test.
//
// kernel_variant.cc and the kernels are compiled once for each instruction set, each time with
// another namespace in place of `mpaio`.
#ifndef MPAIO_KERNEL_KERNEL_VARIANT_H_
#define MPAIO_KERNEL_KERNEL_VARIANT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace kernel_variant {

// Input of the kernels: arrays of `count` elements, aligned to the element but not necessarily to a
// register.
struct Data {
  std::size_t count = 0;
  const double* doubles = nullptr;
  const double* more_doubles = nullptr;
  // 0 or 1.
  const std::uint8_t* bools = nullptr;
  const std::uint8_t* more_bools = nullptr;
  // 16 * count + 1 bytes of any alignment.
  const std::byte* bytes = nullptr;
  // If true, slow kernels run too. They are not multiversioned, but may be inlined into
  // multiversioned code.
  bool runs_all = false;
};

// Receives the result of a kernel. `is_double`: the result is an array of doubles.
using Take = std::function<void(const std::string& kernel, const void* result,
                                std::size_t size_bytes, bool is_double)>;

using Run = void(const Data& data, const Take& take);

}  // namespace kernel_variant

#define MPAIO_KERNEL_VARIANT(name) \
  namespace name {                 \
  kernel_variant::Run RunKernels;  \
  }
MPAIO_KERNEL_VARIANT(mpaio)
MPAIO_KERNEL_VARIANT(mpaio_all)
MPAIO_KERNEL_VARIANT(mpaio_avx2)
MPAIO_KERNEL_VARIANT(mpaio_avx2_fma)
MPAIO_KERNEL_VARIANT(mpaio_avx512f)
#undef MPAIO_KERNEL_VARIANT

#endif  // MPAIO_KERNEL_KERNEL_VARIANT_H_
