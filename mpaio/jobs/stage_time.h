// SPDX-License-Identifier: Apache-2.0

// How long a stage of a JobRun took.
#ifndef MPAIO_JOBS_STAGE_TIME_H_
#define MPAIO_JOBS_STAGE_TIME_H_

#include <string>

#include "mpaio/base/index.h"

namespace mpaio {

struct StageTime {
  std::string name;  // "start", "load", "prepare", "process", "save"
  double seconds = 0;
  Index bytes = 0;  // that were processed; 0: unknown
};

}  // namespace mpaio

#endif  // MPAIO_JOBS_STAGE_TIME_H_
