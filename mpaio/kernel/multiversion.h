// SPDX-License-Identifier: Apache-2.0

// One binary for old and new processors: a function marked so is compiled for several instruction
// sets, and the best one that the processor has is chosen when the program is loaded (GCC's
// function multiversioning).
//
// The results are the same bits on each: kernels fix their lanes and the order in which these are
// combined in the source, and the compiler may not change the order of floating-point operations,
// nor fuse them (-ffp-contract=off). But for the bits of a NaN: which of two an operation gives is
// the compiler's choice. multiversion_test compares them.
#ifndef MPAIO_KERNEL_MULTIVERSION_H_
#define MPAIO_KERNEL_MULTIVERSION_H_

// multiversion_test compiles the kernels again for one instruction set at a time, MPAIO_ONE_TARGET
// ("avx2", a string literal), or for the one that all processors have, MPAIO_ONE_TARGET_FOR_ALL.
// Sanitizers are not ready yet when the loader chooses.
#if defined(MPAIO_ONE_TARGET) && defined(__x86_64__) && defined(__GNUC__)
#define MPAIO_MULTIVERSION __attribute__((target(MPAIO_ONE_TARGET)))
#elif defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&   \
    !defined(MPAIO_ONE_TARGET_FOR_ALL)
#define MPAIO_MULTIVERSION __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define MPAIO_MULTIVERSION
#endif

#endif  // MPAIO_KERNEL_MULTIVERSION_H_
