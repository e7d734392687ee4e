// SPDX-License-Identifier: Apache-2.0

// MPI return codes as absl::Status.
#ifndef MPAIO_MPI_ERROR_H_
#define MPAIO_MPI_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mpaio {

// OK for MPI_SUCCESS; else Internal (ResourceExhausted for MPI_ERR_NO_MEM), whose message names the
// MPI `function`, the error class and MPI's own text, for which MPI must be running: of
// MPI_Init_thread and MPI_Finalize it is the bare code. Codes are only returned under
// MPI_ERRORS_RETURN, which Environment and Communicator set.
absl::Status MpiStatus(absl::string_view function, int code);

}  // namespace mpaio

#endif  // MPAIO_MPI_ERROR_H_
