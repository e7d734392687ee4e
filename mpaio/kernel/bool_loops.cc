// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/comparison_loops.h"
#include "mpaio/kernel/element_loop.h"
#include "mpaio/kernel/loops_by_kind.h"
#include "mpaio/kernel/multiversion.h"

namespace mpaio {
namespace {

using element_loop::B;
using element_loop::Compare;

MPAIO_LOOP_2(AndB, B, B, B, a& b)
MPAIO_LOOP_2(OrB, B, B, B, a | b)
MPAIO_LOOP_2(XorB, B, B, B, a ^ b)
MPAIO_LOOP_1(NotB, B, B, a ^ 1)
MPAIO_LOOP_1(SameB, B, B, a)
MPAIO_LOOP_1(FalseB, B, B, (static_cast<void>(a), 0))
MPAIO_LOOP_1(TrueB, B, B, (static_cast<void>(a), 1))

MPAIO_COMPARISONS(B, B, B)

}  // namespace

NumberLoop FindBoolLoop(NumberOp op) {
  switch (op) {
    case NumberOp::kAdd:
    case NumberOp::kOr:
    case NumberOp::kMaximum:
    case NumberOp::kFmax:
      return OrB;
    case NumberOp::kMultiply:
    case NumberOp::kAnd:
    case NumberOp::kMinimum:
    case NumberOp::kFmin:
      return AndB;
    case NumberOp::kXor:
      return XorB;
    case NumberOp::kInvert:
      return NotB;
    case NumberOp::kAbsolute:
    case NumberOp::kFloor:
    case NumberOp::kCeil:
    case NumberOp::kTrunc:
      return SameB;
    case NumberOp::kIsnan:
    case NumberOp::kIsinf:
    case NumberOp::kSignbit:
      return FalseB;
    case NumberOp::kIsfinite:
      return TrueB;
    default:
      return FindComparisonB(op);
  }
}

}  // namespace mpaio
