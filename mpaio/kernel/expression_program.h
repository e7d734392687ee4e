// SPDX-License-Identifier: Apache-2.0

// The compiled form of an expression: loops over blocks of numbers.
#ifndef MPAIO_KERNEL_EXPRESSION_PROGRAM_H_
#define MPAIO_KERNEL_EXPRESSION_PROGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mpaio/kernel/expression_variable.h"
#include "mpaio/kernel/number_loops.h"
#include "mpaio/kernel/number_type.h"

namespace mpaio {

// Storage for the numbers of one block.
struct alignas(64) NumberBlock {
  std::byte bytes[kExpressionBlock * 8];
};

// The location of a loop's operand.
struct ProgramOperand {
  enum class Place : std::uint8_t { kNone, kInput, kConstant, kRegister, kOutput };
  Place place = Place::kNone;
  int index = 0;
};

struct ProgramStep {
  // Exactly one of the three is set.
  NumberLoop loop = nullptr;
  LoadLoop load = nullptr;
  bool checks_exponents = false;
  // For `load`, the first operand is the input.
  std::array<ProgramOperand, 3> operands = {};
  ProgramOperand result = {};
};

struct ExpressionProgram {
  NumberType type = NumberType::kBool;
  std::vector<ExpressionVariable> variables;
  std::vector<NumberBlock> constants;
  std::vector<ProgramStep> steps;
  int num_registers = 0;
  // The location of the result after the last step; kOutput if a step has written it there.
  ProgramOperand result;
  std::string text;  // empty: do not show it in errors
};

}  // namespace mpaio

#endif  // MPAIO_KERNEL_EXPRESSION_PROGRAM_H_
