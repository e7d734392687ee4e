// One binary for old and new processors: a function marked so is compiled for several instruction sets, and the best one that the processor has is
// chosen when the program is loaded (GCC's function multiversioning).
//
// The results are the same bits on each: kernels fix their lanes and the order in which these are combined in the source, and the compiler may not
// change the order of floating-point operations, nor fuse them (-ffp-contract=off).
#ifndef MPAIO_KERNEL_MULTIVERSION_H_
#define MPAIO_KERNEL_MULTIVERSION_H_

// Sanitizers are not ready yet when the loader chooses.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MPAIO_MULTIVERSION __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define MPAIO_MULTIVERSION
#endif

#endif  // MPAIO_KERNEL_MULTIVERSION_H_
