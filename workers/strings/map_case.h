// SPDX-License-Identifier: Apache-2.0

// The job of the workers lower and upper.
#ifndef WORKERS_STRINGS_MAP_CASE_H_
#define WORKERS_STRINGS_MAP_CASE_H_

#include "mpaio/worker/registry.h"
#include "workers/strings/case_mapping.h"

namespace mpaio {

// An array like the input, in which each string has as much room as it had there.
OutputSpec MapCaseOutput(const JobInputs& inputs);

// Precondition: the input holds strings. Its chunks fail with what CaseMapper fails with, and the
// element.
Job MakeMapCaseJob(JobContext& context, LetterCase letter_case);

}  // namespace mpaio

#endif  // WORKERS_STRINGS_MAP_CASE_H_
