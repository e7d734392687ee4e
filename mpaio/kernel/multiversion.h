// SPDX-License-Identifier: Apache-2.0

// One binary for old and new processors: a function marked MPAIO_MULTIVERSION is compiled for
// several instruction sets, and the loader chooses the version for the best one that the processor
// has (GCC's function multiversioning).
//
// All versions give the same bits: kernels fix their lanes and the order of combination in the
// source, and the compiler may neither reorder nor fuse floating-point operations
// (-ffp-contract=off). The only exception is the payload of a NaN: if both operands are NaN, the
// result has the payload of one of them, which the compiler chooses. multiversion_test compares the
// versions.
#ifndef MPAIO_KERNEL_MULTIVERSION_H_
#define MPAIO_KERNEL_MULTIVERSION_H_

// multiversion_test also compiles the kernels for one instruction set at a time: MPAIO_ONE_TARGET
// (a string literal such as "avx2"), or the baseline of all processors (MPAIO_ONE_TARGET_FOR_ALL).
// With a sanitizer there is one version only, because the sanitizer is not initialised when the
// loader chooses.
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
