// SPDX-License-Identifier: Apache-2.0
#include "mpaio/kernel/kernel_variant.h"

#include <span>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "mpaio/base/index.h"
#include "mpaio/kernel/leaf.h"
#include "mpaio/kernel/min_max.h"
#include "mpaio/kernel/number_loops.h"
#include "mpaio/kernel/sum.h"
#include "mpaio/kernel/vector_math.h"
#include "mpaio/result/fixed_tree.h"

namespace mpaio {
namespace {

using kernel_variant::Data;
using kernel_variant::Take;

constexpr int kNumNumberOps = static_cast<int>(NumberOp::kSignbit) + 1;
constexpr Index kSizes[kNumNumberTypes] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8};

std::string NameOf(const char* kernel, int first, int second = -1) {
  return second < 0 ? absl::StrCat(kernel, " ", first)
                    : absl::StrCat(kernel, " ", first, " ", second);
}

bool IsSlow(NumberOp op) {
  return op == NumberOp::kFloorDivide || op == NumberOp::kRemainder || op == NumberOp::kPower;
}

bool GivesBool(NumberOp op) {
  return (op >= NumberOp::kLess && op <= NumberOp::kNotEqual) || op >= NumberOp::kIsnan;
}

class Runner {
 public:
  Runner(const Data& data, const Take& take)
      : data_(data), take_(take), count_(static_cast<Index>(data.count)), out_(8 * data.count) {}

  void Reductions() {
    const std::span<const double> doubles(data_.doubles, data_.count);
    const std::span<const std::int64_t> ints(reinterpret_cast<const std::int64_t*>(data_.doubles),
                                             data_.count);
    const std::span<const std::uint64_t> uints(
        reinterpret_cast<const std::uint64_t*>(data_.doubles), data_.count);
    const auto take = [this](const char* kernel, const auto& value, bool is_double = false) {
      take_(kernel, &value, sizeof(value), is_double);
    };
    const absl::int128 sum = SumExactly(ints);
    take("SumExactly", sum);
    const absl::uint128 unsigned_sum = SumExactly(uints);
    take("SumExactly unsigned", unsigned_sum);
    take("CountNonzero", CountNonzero(ints));
    take("CountNonzero unsigned", CountNonzero(uints));
    take("CountNonzero float", CountNonzero(doubles));
    const MinMax<std::int64_t> int_extremes = FindMinMax(ints);
    take("FindMinMax", int_extremes);
    const MinMax<double> extremes = FindMinMax(doubles);
    take("FindMinMax float", extremes, true);
    // If the sum is infinite or NaN, the error is meaningless.
    const CompensatedSum<double> leaf = SumOps().Leaf(doubles);
    if (leaf.error - leaf.error == 0) take("SumOps::Leaf", leaf, true);
    take("SumOps::Leaf value", leaf.value());
    SumReducer reducer;
    if (reducer.Add(SumPartial::Compute(doubles, 0, SumOps())).ok()) {
      take("sum", (*reducer.Finish(count_)).value_or(CompensatedSum<double>()).value());
    }
    take("SumLanes", SumLanes(doubles), true);
    take("SumOfSquares", SumOfSquares(doubles), true);
    take("SumOfDeviations", SumOfDeviations(doubles, 0.3), true);
    take("SumOfSquaredDeviations", SumOfSquaredDeviations(doubles, 0.3), true);
    take("Product", Product(doubles), true);
  }

  void Loops() {
    for (int t = 0; t < kNumNumberTypes; ++t) {
      const auto type = static_cast<NumberType>(t);
      for (int o = 0; o < kNumNumberOps; ++o) {
        const auto op = static_cast<NumberOp>(o);
        // The 64-bit integers stand for the narrower ones, which share their loops.
        if (IsSlow(op) && (!data_.runs_all || (type != NumberType::kInt64 &&
                                               type != NumberType::kUint64 && !IsFloat(type))))
          continue;
        if (!IsFloat(type) && !IsBool(type) && SizeOf(type) != 8) continue;
        RunLoop(NameOf("number loop", o, t), FindNumberLoop(op, type), IsBool(type),
                IsBool(type) || GivesBool(op), IsFloat(type));
      }
      if (!IsBool(type))
        RunLoop(NameOf("narrow", t), FindNarrowLoop(type), false, false, IsFloat(type));
      for (int f = 0; f < kNumNumberTypes; ++f) {
        const auto from = static_cast<NumberType>(f);
        if (from != type)
          RunLoop(NameOf("cast", f, t), FindCastLoop(from, type), IsBool(from), IsBool(type),
                  IsFloat(type));
      }
      for (const Index stride : {SizeOf(type), SizeOf(type) + 3, Index{16}}) {
        FindLoadLoop(type)(data_.bytes + 1, stride, count_, out_.data());
        take_(NameOf("load", t, static_cast<int>(stride)), out_.data(),
              IsBool(type) ? data_.count : 8 * data_.count, IsFloat(type));
      }
      std::vector<std::byte> stored(8 * data_.count);
      FindStoreLoop(type)(IsBool(type) ? static_cast<const void*>(data_.bools) : data_.doubles,
                          count_, stored.data());
      take_(NameOf("store", t), stored.data(), static_cast<std::size_t>(SizeOf(type)) * data_.count,
            false);
    }
    for (NumberOp op = NumberOp::kLess; op <= NumberOp::kNotEqual;
         op = static_cast<NumberOp>(static_cast<int>(op) + 1)) {
      RunLoop(NameOf("mixed", static_cast<int>(op)), FindMixedComparison(op), false, true, false);
    }
    FindSelectLoop(WideType::kFloat64)(data_.bools, data_.doubles, data_.more_doubles, out_.data(),
                                       count_);
    take_("select", out_.data(), 8 * data_.count, false);
    FindSelectLoop(WideType::kBool)(data_.bools, data_.bools, data_.more_bools, out_.data(),
                                    count_);
    take_("select bool", out_.data(), data_.count, false);
    const bool any = AnyNegative(reinterpret_cast<const std::int64_t*>(data_.doubles), count_);
    take_("AnyNegative", &any, 1, false);
  }

  void Mathematics() {
    double* out = reinterpret_cast<double*>(out_.data());
    for (int f = 0; f <= static_cast<int>(MathFunction::kCbrt); ++f) {
      const auto function = static_cast<MathFunction>(f);
      // The other functions are SLEEF's; vector_math_test compares them.
      if (!data_.runs_all && function != MathFunction::kSin && function != MathFunction::kCos)
        continue;
      FindMathLoop(function)(data_.doubles, out, count_);
      take_(NameOf("math", f), out, 8 * data_.count, true);
    }
    if (!data_.runs_all) return;
    for (const MathFunction2 function :
         {MathFunction2::kPower, MathFunction2::kArctan2, MathFunction2::kHypot}) {
      FindMathLoop(function)(data_.doubles, data_.more_doubles, out, count_);
      take_(NameOf("math of two", static_cast<int>(function)), out, 8 * data_.count, true);
    }
  }

 private:
  static Index SizeOf(NumberType type) { return kSizes[static_cast<int>(type)]; }

  // Bool operands are data_.bools, because bytes other than 0 and 1 are not valid bools.
  void RunLoop(const std::string& name, NumberLoop loop, bool takes_bools, bool gives_bools,
               bool is_double) {
    if (loop == nullptr) return;
    loop(takes_bools ? static_cast<const void*>(data_.bools) : data_.doubles,
         takes_bools ? static_cast<const void*>(data_.more_bools) : data_.more_doubles, nullptr,
         out_.data(), count_);
    take_(name, out_.data(), gives_bools ? data_.count : 8 * data_.count,
          is_double && !gives_bools);
  }

  const Data& data_;
  const Take& take_;
  Index count_;
  std::vector<std::byte> out_;
};

}  // namespace

void RunKernels(const Data& data, const Take& take) {
  Runner runner(data, take);
  runner.Reductions();
  runner.Loops();
  runner.Mathematics();
}

}  // namespace mpaio
