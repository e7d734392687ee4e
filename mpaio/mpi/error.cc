// SPDX-License-Identifier: Apache-2.0
#include "mpaio/mpi/error.h"

#include <mpi.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace mpaio {

absl::Status MpiStatus(absl::string_view function, int code) {
  if (code == MPI_SUCCESS) return absl::OkStatus();
  int has_started = 0, has_ended = 0;
  MPI_Initialized(&has_started);
  MPI_Finalized(&has_ended);
  if (has_started == 0 || has_ended != 0)
    return absl::InternalError(absl::StrCat(function, " failed with MPI's error code ", code));
  int error_class = MPI_ERR_UNKNOWN;
  MPI_Error_class(code, &error_class);
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, text, &length);
  const std::string message = absl::StrCat(function, " failed: ", std::string(text, length),
                                           " (error class ", error_class, ")");
  return error_class == MPI_ERR_NO_MEM ? absl::ResourceExhaustedError(message)
                                       : absl::InternalError(message);
}

}  // namespace mpaio
