#include "mpaio/mpi/error.h"

#include <mpi.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace mpaio {

absl::Status MpiStatus(absl::string_view function, int code) {
  if (code == MPI_SUCCESS) return absl::OkStatus();
  int error_class = MPI_ERR_UNKNOWN;
  MPI_Error_class(code, &error_class);
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, text, &length);
  const std::string message =
      absl::StrCat(function, " failed: ", std::string(text, length), " (error class ", error_class, ")");
  return error_class == MPI_ERR_NO_MEM ? absl::ResourceExhaustedError(message) : absl::InternalError(message);
}

}  // namespace mpaio
