// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/number_loops.h"

#include "mpaio/kernel/comparison_loops.h"
#include "mpaio/kernel/element_loop.h"
#include "mpaio/kernel/loops_by_kind.h"
#include "mpaio/kernel/multiversion.h"

namespace mpaio {
namespace {

using element_loop::B;
using element_loop::Compare;
using element_loop::I;
using element_loop::U;

MPAIO_COMPARISONS(Mixed, I, U)

#define MPAIO_SELECT(name, T)                                                                \
  MPAIO_MULTIVERSION void name(const void* condition, const void* x, const void* y, void* z, \
                               Index count) {                                                \
    const B* __restrict__ which = static_cast<const B*>(condition);                          \
    const T* __restrict__ yes = static_cast<const T*>(x);                                    \
    const T* __restrict__ no = static_cast<const T*>(y);                                     \
    T* __restrict__ to = static_cast<T*>(z);                                                 \
    for (Index i = 0; i < count; ++i) {                                                      \
      const T a = yes[i], b = no[i];                                                         \
      to[i] = which[i] != 0 ? a : b;                                                         \
    }                                                                                        \
  }
MPAIO_SELECT(SelectU, U)
MPAIO_SELECT(SelectB, B)

}  // namespace

NumberLoop FindNumberLoop(NumberOp op, NumberType type) {
  if (IsBool(type)) return FindBoolLoop(op);
  return IsFloat(type) ? FindFloatLoop(op, type != NumberType::kFloat64)
                       : FindIntegerLoop(op, type);
}

NumberLoop FindMixedComparison(NumberOp op) { return FindComparisonMixed(op); }

NumberLoop FindSelectLoop(WideType type) { return type == WideType::kBool ? SelectB : SelectU; }

bool AnyNegative(const std::int64_t* values, Index count) {
  std::int64_t all = 0;
  for (Index i = 0; i < count; ++i) all |= values[i];
  return all < 0;
}

}  // namespace mpaio
