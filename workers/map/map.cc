// map: a function of each element, written to an array of the same shape. sqrt gives float64; abs and square keep the type, and an integer result that
// does not fit it is an error.
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "mpaio/worker/registry.h"

namespace mpaio {
namespace {

// Each says whether the result fits.
struct SquareRoot {
  using Output = double;
  template <typename T>
  bool operator()(T x, double* y) const {
    *y = std::sqrt(static_cast<double>(x));
    return true;
  }
};

template <typename T>
struct Absolute {
  using Output = T;
  bool operator()(T x, T* y) const {
    if constexpr (std::is_integral_v<T>) {
      if (x == std::numeric_limits<T>::min()) return false;
    }
    *y = std::abs(x);
    return true;
  }
};

template <typename T>
struct Square {
  using Output = T;
  bool operator()(T x, T* y) const {
    if constexpr (std::is_integral_v<T>) {
      return !__builtin_mul_overflow(x, x, y);
    } else {
      *y = x * x;
      return true;
    }
  }
};

template <typename Input, typename Function>
class Map final : public Worker<Input, WrittenRows> {
 public:
  Map(DataIterator chunks, OutputArray output, std::string name)
      : Worker<Input, WrittenRows>(std::move(chunks)), output_(std::move(output)), name_(std::move(name)) {}

  absl::StatusOr<WrittenRows> Process(const ChunkView<Input>& chunk) const override {
    const std::span<const Input> inputs = chunk.elements();
    const std::span<typename Function::Output> outputs = output_.template Rows<typename Function::Output>(chunk.rows());
    const Function function;
    bool all_fit = true;
    for (std::size_t i = 0; i < inputs.size(); ++i) all_fit &= function(inputs[i], &outputs[i]);
    if (!all_fit) {
      // Seldom: look again for the one to name.
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        typename Function::Output unused;
        if (function(inputs[i], &unused)) continue;
        return absl::OutOfRangeError(absl::StrCat(name_, "(", inputs[i], "), of element ", chunk.first_element() + static_cast<Index>(i),
                                                  ", does not fit in an int64; save the array as float64"));
      }
    }
    return output_.Finish(chunk.rows());
  }

  absl::Status ProcessCallback(const Chunk& chunk, WrittenRows written) override { return output_.Accept(chunk.rows, written); }

  const NdView& output() const { return output_.view(); }

 private:
  OutputArray output_;
  std::string name_;
};

template <typename Input, typename Function>
Job MakeMap(JobContext& context) {
  auto worker = std::make_unique<Map<Input, Function>>(std::move(context.chunks), std::move(context.output), context.parameters.Text("fn"));
  const Map<Input, Function>* map = worker.get();
  return {std::move(worker),
          [map] {
            return nlohmann::ordered_json{{"dtype", map->output().dtype().ToString()}, {"shape", map->output().shape()}};
          },
          [map]() -> const NdView& { return map->output(); }};
}

template <typename Input>
Job MakeMapOf(JobContext& context) {
  const std::string& fn = context.parameters.Text("fn");
  if (fn == "sqrt") return MakeMap<Input, SquareRoot>(context);
  if (fn == "abs") return MakeMap<Input, Absolute<Input>>(context);
  return MakeMap<Input, Square<Input>>(context);
}

MPAIO_REGISTER_WORKER({
    .summary = "writes a function of each element to an array of the same shape",
    .accepts = {AcceptedType::Of<std::int64_t>(), AcceptedType::Of<double>()},
    .parameters = {ParameterInfo::Choice("fn", "the function", {"sqrt", "abs", "square"}).Required()},
    .output = [](const NdView& input, const Parameters& parameters) -> absl::StatusOr<OutputSpec> {
      return OutputSpec{parameters.Text("fn") == "sqrt" ? DType::Of<double>() : input.dtype(), input.shape()};
    },
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      return context.chunks.dtype() == DType::Of<double>() ? MakeMapOf<double>(context) : MakeMapOf<std::int64_t>(context);
    },
});

}  // namespace
}  // namespace mpaio
