// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/program_builder.h"

#include <cstdint>
#include <cstring>
#include <iostream>
#include <random>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace mpaio {
namespace {

using Place = ProgramOperand::Place;

constexpr NumberType kInt64 = NumberType::kInt64;

// Runs a program whose variables and registers are int64, with one number per variable.
std::int64_t Execute(const ExpressionProgram& program, const std::vector<std::int64_t>& inputs) {
  std::vector<std::int64_t> registers(static_cast<std::size_t>(program.num_registers), -1);
  std::int64_t output = -1;
  const auto address = [&](ProgramOperand operand) -> const void* {
    const auto index = static_cast<std::size_t>(operand.index);
    switch (operand.place) {
      case Place::kInput:
        return &inputs[index];
      case Place::kConstant:
        return program.constants[index].bytes;
      case Place::kRegister:
        return &registers[index];
      case Place::kOutput:
        return &output;
      case Place::kNone:
        break;
    }
    return nullptr;
  };
  for (const ProgramStep& step : program.steps) {
    void* const to = const_cast<void*>(address(step.result));
    if (step.load != nullptr) {
      step.load(static_cast<const std::byte*>(address(step.operands[0])), 8, 1, to);
      continue;
    }
    for (const ProgramOperand& operand : step.operands)
      EXPECT_NE(address(operand), to) << "a result overlaps an operand";
    step.loop(address(step.operands[0]), address(step.operands[1]), address(step.operands[2]), to,
              1);
  }
  std::int64_t result = 0;
  std::memcpy(&result, address(program.result), sizeof(result));
  return result;
}

TEST(ProgramBuilderTest, RandomProgramsComputeTheSameWithSharedRegisters) {
  const std::uint64_t seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  std::mt19937_64 random(seed);
  const NumberLoop loops[] = {FindNumberLoop(NumberOp::kAdd, kInt64),
                              FindNumberLoop(NumberOp::kMultiply, kInt64),
                              FindNumberLoop(NumberOp::kXor, kInt64)};
  for (int round = 0; round < 300; ++round) {
    // The second variable is loaded by a step, because of its stride.
    ProgramBuilder builder({{"x", kInt64}, {"y", kInt64, 16}});
    const std::vector<std::int64_t> inputs = {static_cast<std::int64_t>(random()),
                                              static_cast<std::int64_t>(random())};
    std::vector<std::pair<ProgramOperand, std::int64_t>> values = {
        {builder.Load(0), inputs[0]}, {builder.Load(1), inputs[1]}, {builder.Constant(7L), 7}};
    const std::size_t num_steps = 1 + random() % 30;
    for (std::size_t i = 0; i < num_steps; ++i) {
      const NumberLoop loop = loops[random() % 3];
      const auto a = values[random() % values.size()], b = values[random() % values.size()];
      std::int64_t expected = 0;
      loop(&a.second, &b.second, nullptr, &expected, 1);
      values.emplace_back(builder.Run(loop, a.first, b.first), expected);
    }
    const auto [result, expected] = values.back();
    const ExpressionProgram program = std::move(builder).Finish(kInt64, result);
    ASSERT_EQ(Execute(program, inputs), expected) << "round " << round;
  }
}

TEST(ProgramBuilderTest, AChainOfStepsNeedsTwoRegisters) {
  ProgramBuilder builder({{"x", kInt64}});
  const NumberLoop negate = FindNumberLoop(NumberOp::kNegative, kInt64);
  ProgramOperand value = builder.Load(0);
  for (int i = 0; i < 10; ++i) value = builder.Run(negate, value);
  const ExpressionProgram program = std::move(builder).Finish(kInt64, value);
  EXPECT_EQ(program.num_registers, 2);
  // The last step writes to the output.
  EXPECT_EQ(program.result.place, Place::kOutput);
  EXPECT_EQ(program.steps.back().result.place, Place::kOutput);
}

TEST(ProgramBuilderTest, NarrowResultsAreNotWrittenToTheOutput) {
  ProgramBuilder builder({{"x", NumberType::kInt8}});
  const ProgramOperand value =
      builder.Run(FindNumberLoop(NumberOp::kNegative, NumberType::kInt8), builder.Load(0));
  const ExpressionProgram program = std::move(builder).Finish(NumberType::kInt8, value);
  EXPECT_EQ(program.result.place, Place::kRegister);
}

TEST(ProgramBuilderTest, VariablesAreLoadedOnce) {
  ProgramBuilder builder({{"x", NumberType::kInt8}});
  const ProgramOperand first = builder.Load(0), second = builder.Load(0);
  EXPECT_EQ(first.index, second.index);
  const ExpressionProgram program = std::move(builder).Finish(NumberType::kInt8, second);
  EXPECT_EQ(program.steps.size(), 1u);
}

TEST(ProgramBuilderTest, OperationsOnConstantsNeedNoStep) {
  ProgramBuilder builder({});
  const ProgramOperand sum =
      builder.Run(FindNumberLoop(NumberOp::kAdd, kInt64), builder.Constant(std::int64_t{2}),
                  builder.Constant(std::int64_t{40}));
  const ProgramOperand wrapped = builder.Narrow(
      builder.Cast(builder.Constant(300.0), NumberType::kFloat64, kInt64), NumberType::kUint8);
  EXPECT_EQ(wrapped.place, Place::kConstant);
  const ExpressionProgram program = std::move(builder).Finish(kInt64, sum);
  EXPECT_TRUE(program.steps.empty());
  EXPECT_EQ(Execute(program, {}), 42);
}

}  // namespace
}  // namespace mpaio
