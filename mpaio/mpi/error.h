// SPDX-License-Identifier: Apache-2.0

// MPI return codes as absl::Status.
#ifndef MPAIO_MPI_ERROR_H_
#define MPAIO_MPI_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mpaio {

// Returns OK for MPI_SUCCESS; else Internal (ResourceExhausted for MPI_ERR_NO_MEM), whose message
// has the MPI `function`, the error class and MPI's own text. MPI has a text only while it is
// running: for MPI_Init_thread and MPI_Finalize the message has the bare code. MPI returns codes
// only under MPI_ERRORS_RETURN, which Environment and Communicator set.
absl::Status MpiStatus(absl::string_view function, int code);

}  // namespace mpaio

#endif  // MPAIO_MPI_ERROR_H_
