// SPDX-License-Identifier: Apache-2.0

// What an expression is compiled to: loops over blocks of numbers.
#ifndef MPAIO_KERNEL_EXPRESSION_PROGRAM_H_
#define MPAIO_KERNEL_EXPRESSION_PROGRAM_H_

#include <array>
#include <string>
#include <vector>

#include "mpaio/kernel/expression.h"
#include "mpaio/kernel/number_loops.h"

namespace mpaio {

// MemoryCapacity for the numbers of one block.
struct alignas(64) NumberBlock {
  std::byte bytes[Expression::kBlock * 8];
};

// Where an operand of a loop is.
struct ProgramOperand {
  enum class Place : std::uint8_t { kNone, kInput, kConstant, kRegister, kOutput };
  Place place = Place::kNone;
  int index = 0;
};

struct ProgramStep {
  // One of the three.
  NumberLoop loop = nullptr;
  LoadLoop load = nullptr;
  bool checks_exponents = false;
  // Of `load`, the first is the input.
  std::array<ProgramOperand, 3> operands = {};
  ProgramOperand result = {};
};

struct Expression::Program {
  NumberType type = NumberType::kBool;
  std::vector<Variable> variables;
  std::vector<NumberBlock> constants;
  std::vector<ProgramStep> steps;
  int num_registers = 0;
  // Where the result is after the steps; kOutput where they have written it.
  ProgramOperand result;
  std::string text;  // empty: not to be shown
};

}  // namespace mpaio

#endif  // MPAIO_KERNEL_EXPRESSION_PROGRAM_H_
