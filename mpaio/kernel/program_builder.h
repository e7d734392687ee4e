// SPDX-License-Identifier: Apache-2.0

// Collects the steps of an expression's program.
//
//   ProgramBuilder builder({{"x", NumberType::kFloat64}});
//   const ProgramOperand sum = builder.Run(FindNumberLoop(NumberOp::kAdd, NumberType::kFloat64),
//                                          builder.Load(0), builder.Constant(1.0));
//   const ExpressionProgram program = std::move(builder).Finish(NumberType::kFloat64, sum);
#ifndef MPAIO_KERNEL_PROGRAM_BUILDER_H_
#define MPAIO_KERNEL_PROGRAM_BUILDER_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "mpaio/kernel/expression_program.h"
#include "mpaio/kernel/expression_variable.h"
#include "mpaio/kernel/number_loops.h"
#include "mpaio/kernel/number_type.h"

namespace mpaio {

// Each step writes a register of its own until Finish. All numbers are wide (see number_loops.h).
class ProgramBuilder {
 public:
  explicit ProgramBuilder(const std::vector<ExpressionVariable>& variables);

  const std::vector<ExpressionVariable>& variables() const { return program_.variables; }

  // Returns the location of the numbers of variable `index`. The first call adds a step that loads
  // them, unless they can be read in place.
  ProgramOperand Load(std::size_t index);

  // Returns the location of a block filled with a number: std::uint8_t, std::int64_t, std::uint64_t
  // or double.
  template <typename T>
  ProgramOperand Constant(T wide) {
    T* numbers = reinterpret_cast<T*>(program_.constants.emplace_back().bytes);
    std::fill(numbers, numbers + kExpressionBlock, wide);
    return LastConstant();
  }

  // Adds a step that runs `loop`, and returns the location of its result. If all operands are
  // constants, computes the result at once instead.
  ProgramOperand Run(NumberLoop loop, ProgramOperand a, ProgramOperand b = {},
                     ProgramOperand c = {});

  // Reduces results of an operation of `type` to the range of `type`.
  ProgramOperand Narrow(ProgramOperand numbers, NumberType type);
  ProgramOperand Cast(ProgramOperand numbers, NumberType from, NumberType to);

  // Adds a step that fails if an integer is negative.
  void CheckExponents(ProgramOperand integers);

  // Returns the program that gives `result`, of `type`. Lets the last step write to the output if
  // possible, and lets steps reuse registers that are no longer needed.
  ExpressionProgram Finish(NumberType type, ProgramOperand result) &&;

 private:
  ProgramOperand LastConstant() const;
  ProgramOperand NewRegister();

  ExpressionProgram program_;
  // The location of each variable, once it has been loaded.
  std::vector<ProgramOperand> loaded_;
};

}  // namespace mpaio

#endif  // MPAIO_KERNEL_PROGRAM_BUILDER_H_
