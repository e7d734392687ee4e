// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/expression.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "mpaio/kernel/expression_program.h"

namespace mpaio {

NumberType Expression::type() const { return program_->type; }

absl::Status Expression::Evaluate(std::span<const std::byte* const> inputs, Index count,
                                  std::byte* output) const {
  const ExpressionProgram& program = *program_;
  const std::unique_ptr<NumberBlock[]> registers(
      new NumberBlock[static_cast<std::size_t>(program.num_registers)]);
  const Index size_bytes = SizeBytes(program.type);
  const StoreLoop store = program.result.place == ProgramOperand::Place::kOutput
                              ? nullptr
                              : FindStoreLoop(program.type);
  for (Index begin = 0; begin < count; begin += kBlock) {
    const Index size = std::min(kBlock, count - begin);
    std::byte* const out = output + begin * size_bytes;
    const auto address = [&](ProgramOperand operand) -> const std::byte* {
      const std::size_t index = static_cast<std::size_t>(operand.index);
      switch (operand.place) {
        // Read in place: contiguous elements of 8 bytes.
        case ProgramOperand::Place::kInput:
          return inputs[index] + begin * 8;
        case ProgramOperand::Place::kConstant:
          return program.constants[index].bytes;
        case ProgramOperand::Place::kRegister:
          return registers[index].bytes;
        case ProgramOperand::Place::kOutput:
          return out;
        case ProgramOperand::Place::kNone:
          return nullptr;
      }
      return nullptr;
    };
    for (const ProgramStep& step : program.steps) {
      std::byte* const to = const_cast<std::byte*>(address(step.result));
      if (step.load != nullptr) {
        const std::size_t input = static_cast<std::size_t>(step.operands[0].index);
        const Variable& variable = program.variables[input];
        const Index stride_bytes =
            variable.stride_bytes != 0 ? variable.stride_bytes : SizeBytes(variable.type);
        step.load(inputs[input] + begin * stride_bytes, stride_bytes, size, to);
      } else if (step.loop != nullptr) {
        step.loop(address(step.operands[0]), address(step.operands[1]), address(step.operands[2]),
                  to, size);
      } else if (AnyNegative(reinterpret_cast<const std::int64_t*>(address(step.operands[0])),
                             size)) {
        return absl::OutOfRangeError(absl::StrCat(
            program.text.empty() ? "an integer is raised"
                                 : absl::StrCat("'", program.text, "' raises an integer"),
            " to a negative power, which does not give an integer; convert one of them with "
            "float64(...)"));
      }
    }
    if (store != nullptr) store(address(program.result), size, out);
  }
  return absl::OkStatus();
}

}  // namespace mpaio
