// SPDX-License-Identifier: Apache-2.0

// lower: the strings in lower case, as numpy.char.lower. A str array uses the full mapping of
// Unicode, as Python's str.lower; in a bytes array only ASCII letters are mapped. A result that
// does not fit the array's type is cut off.
#include "mpaio/jobs/registry.h"
#include "workers/strings/map_case.h"

namespace mpaio {
namespace {

MPAIO_REGISTER_WORKER({
    .summary =
        "writes the strings in lower case, cut off where they get longer than the array's type",
    .accepts = {AcceptedType::Of<UnicodeString>(), AcceptedType::Of<ByteString>()},
    .output = [](const JobInputs& inputs) -> absl::StatusOr<OutputSpec> {
      return MapCaseOutput(inputs);
    },
    .streams_output = true,
    .make = [](JobContext& context) -> absl::StatusOr<Job> {
      return MakeMapCaseJob(context, LetterCase::kLower);
    },
});

}  // namespace
}  // namespace mpaio
