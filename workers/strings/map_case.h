// SPDX-License-Identifier: Apache-2.0

// The job of the workers lower and upper.
#ifndef WORKERS_STRINGS_MAP_CASE_H_
#define WORKERS_STRINGS_MAP_CASE_H_

#include "mpaio/jobs/registry.h"
#include "workers/strings/case_mapping.h"

namespace mpaio {

// Returns an array like the input; its strings have the same width.
OutputSpec MapCaseOutput(const JobInputs& inputs);

// Precondition: the input holds strings. Chunks fail with the errors of CaseMapper, which name the
// element.
Job MakeMapCaseJob(JobContext& context, LetterCase letter_case);

}  // namespace mpaio

#endif  // WORKERS_STRINGS_MAP_CASE_H_
