// SPDX-License-Identifier: Apache-2.0

// Every kernel that is compiled for several instruction sets, run over given data: for
// multiversion_test.
//
// Compiled several times, each time with another name in the place of `mpaio`, together with the
// kernels.
#ifndef MPAIO_KERNEL_KERNEL_VARIANT_H_
#define MPAIO_KERNEL_KERNEL_VARIANT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace kernel_variant {

// What there is of each for a kernel to read: aligned to the elements, and to no more.
struct Data {
  std::size_t count = 0;
  const double* doubles = nullptr;
  const double* more_doubles = nullptr;
  // 0 or 1.
  const std::uint8_t* bools = nullptr;
  const std::uint8_t* more_bools = nullptr;
  // 16 * count + 1 bytes of any alignment.
  const std::byte* bytes = nullptr;
  // Also run what is not multiversioned but might be inlined where it is, and takes longer.
  bool runs_all = false;
};

// Takes what a kernel has computed. `is_double`: an array of doubles.
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
