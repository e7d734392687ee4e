// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/program_builder.h"

#include <utility>

namespace mpaio {
namespace {

using Place = ProgramOperand::Place;

// Returns, for each register, the last step that reads it; -1 if none does.
std::vector<int> LastUses(const ExpressionProgram& program) {
  std::vector<int> last_use(static_cast<std::size_t>(program.num_registers), -1);
  const int num_steps = static_cast<int>(program.steps.size());
  for (int i = 0; i < num_steps; ++i) {
    for (const ProgramOperand& operand : program.steps[static_cast<std::size_t>(i)].operands) {
      if (operand.place == Place::kRegister) last_use[static_cast<std::size_t>(operand.index)] = i;
    }
  }
  if (program.result.place == Place::kRegister)
    last_use[static_cast<std::size_t>(program.result.index)] = num_steps;
  return last_use;
}

// Replaces registers that only one step writes by as few as possible.
void ShareRegisters(ExpressionProgram* program) {
  const std::vector<int> last_use = LastUses(*program);
  std::vector<int> assigned(last_use.size(), -1);
  std::vector<int> free;
  int num_registers = 0;
  for (int i = 0; i < static_cast<int>(program->steps.size()); ++i) {
    ProgramStep& step = program->steps[static_cast<std::size_t>(i)];
    std::vector<int> done;
    for (ProgramOperand& operand : step.operands) {
      if (operand.place != Place::kRegister) continue;
      const std::size_t virtual_register = static_cast<std::size_t>(operand.index);
      operand.index = assigned[virtual_register];
      if (last_use[virtual_register] == i &&
          std::find(done.begin(), done.end(), operand.index) == done.end())
        done.push_back(operand.index);
    }
    if (step.result.place == Place::kRegister) {
      // Not a register of an operand: a loop's result must not overlap its operands.
      const std::size_t virtual_register = static_cast<std::size_t>(step.result.index);
      if (free.empty()) free.push_back(num_registers++);
      step.result.index = assigned[virtual_register] = free.back();
      free.pop_back();
      if (last_use[virtual_register] < 0) free.push_back(step.result.index);
    }
    free.insert(free.end(), done.begin(), done.end());
  }
  if (program->result.place == Place::kRegister)
    program->result.index = assigned[static_cast<std::size_t>(program->result.index)];
  program->num_registers = num_registers;
}

}  // namespace

ProgramBuilder::ProgramBuilder(const std::vector<ExpressionVariable>& variables)
    : loaded_(variables.size()) {
  program_.variables = variables;
}

ProgramOperand ProgramBuilder::LastConstant() const {
  return {Place::kConstant, static_cast<int>(program_.constants.size()) - 1};
}

ProgramOperand ProgramBuilder::NewRegister() {
  return {Place::kRegister, program_.num_registers++};
}

ProgramOperand ProgramBuilder::Load(std::size_t index) {
  ProgramOperand& loaded = loaded_[index];
  if (loaded.place != Place::kNone) return loaded;
  const ExpressionVariable& variable = program_.variables[index];
  const ProgramOperand input{Place::kInput, static_cast<int>(index)};
  if (SizeBytes(variable.type) == 8 && variable.stride_bytes == 0) {
    loaded = input;
  } else {
    loaded = NewRegister();
    program_.steps.push_back({nullptr, FindLoadLoop(variable.type), false, {input}, loaded});
  }
  return loaded;
}

ProgramOperand ProgramBuilder::Run(NumberLoop loop, ProgramOperand a, ProgramOperand b,
                                   ProgramOperand c) {
  const auto is_constant = [](ProgramOperand operand) {
    return operand.place == Place::kConstant || operand.place == Place::kNone;
  };
  if (!is_constant(a) || !is_constant(b) || !is_constant(c)) {
    const ProgramOperand result = NewRegister();
    program_.steps.push_back({loop, nullptr, false, {a, b, c}, result});
    return result;
  }
  program_.constants.emplace_back();
  const auto address = [&](ProgramOperand operand) -> const void* {
    return operand.place == Place::kNone
               ? nullptr
               : program_.constants[static_cast<std::size_t>(operand.index)].bytes;
  };
  loop(address(a), address(b), address(c), program_.constants.back().bytes, kExpressionBlock);
  return LastConstant();
}

ProgramOperand ProgramBuilder::Narrow(ProgramOperand numbers, NumberType type) {
  const NumberLoop narrow = FindNarrowLoop(type);
  return narrow == nullptr ? numbers : Run(narrow, numbers);
}

ProgramOperand ProgramBuilder::Cast(ProgramOperand numbers, NumberType from, NumberType to) {
  const NumberLoop cast = FindCastLoop(from, to);
  return cast == nullptr ? numbers : Run(cast, numbers);
}

void ProgramBuilder::CheckExponents(ProgramOperand integers) {
  ProgramStep check;
  check.checks_exponents = true;
  check.operands[0] = integers;
  program_.steps.push_back(check);
}

ExpressionProgram ProgramBuilder::Finish(NumberType type, ProgramOperand result) && {
  program_.type = type;
  program_.result = result;
  const bool is_wide = SizeBytes(type) == 8 || IsBool(type);
  if (is_wide && result.place == Place::kRegister &&
      program_.steps.back().result.place == Place::kRegister &&
      program_.steps.back().result.index == result.index)
    program_.result = program_.steps.back().result = {Place::kOutput, 0};
  ShareRegisters(&program_);
  return std::move(program_);
}

}  // namespace mpaio
