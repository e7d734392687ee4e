// isnan: which elements are no numbers.
#include "absl/status/statusor.h"
#include "workers/elementwise/elementwise.h"

namespace mpaio {
namespace {

Elementwise Plan(const JobInputs& inputs) { return {"", "isnan(x)", {{"x", inputs.array}}}; }

MPAIO_REGISTER_WORKER({
    .summary = "writes for each element whether it is NaN",
    .accepts = AcceptedNumbers(),
    .output = [](const JobInputs& inputs) { return ElementwiseOutput(Plan(inputs)); },
    .streams_output = true,
    .make = [](JobContext& context) { return MakeElementwiseJob(context, Plan(context.inputs())); },
});

}  // namespace
}  // namespace mpaio
