// SPDX-License-Identifier: Apache-2.0
#ifndef MPAIO_SUPERVISION_LOST_RANK_H_
#define MPAIO_SUPERVISION_LOST_RANK_H_

#include <string>

namespace mpaio {

// A rank that has died, or was ended because it did not answer.
struct LostRank {
  int rank = 0;
  std::string cause;            // "was killed by signal 9 (SIGKILL)"
  bool host_is_silent = false;  // the rank may be alive, but its host cannot be reached
};

}  // namespace mpaio

#endif  // MPAIO_SUPERVISION_LOST_RANK_H_
