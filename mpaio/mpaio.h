// SPDX-License-Identifier: Apache-2.0

// The public API of mpaio: one include for a program of one's own. The headers below document their
// classes; all other headers may change without notice.
//
// A program depends on one of two targets:
//   @mpaio//mpaio:in_process   pools in this process: MakeThreadPool, MakeInlineExecutor
//   @mpaio//mpaio              also pools of MPI ranks: Environment, MpiExecutor
// and, to run jobs by name, on the workers that it needs, such as @mpaio//workers.
#ifndef MPAIO_MPAIO_H_
#define MPAIO_MPAIO_H_

// Arrays: their element types, and views of them in memory.
#include "mpaio/array/dtype.h"
#include "mpaio/array/elements.h"
#include "mpaio/array/float16.h"
#include "mpaio/array/nd_view.h"
#include "mpaio/base/index.h"
#include "mpaio/format/npy_writer.h"
#include "mpaio/window/output_array.h"
#include "mpaio/window/shared_array.h"

// A worker, how its array is divided into chunks, and reductions that are the same to the bit.
#include "mpaio/chunk/data_iterator.h"
#include "mpaio/result/fixed_tree.h"
#include "mpaio/worker/codec.h"
#include "mpaio/worker/worker.h"

// Pools, and runs of workers in them.
#include "mpaio/dispatch/schedule.h"
#include "mpaio/dispatch/schedule_policy.h"
#include "mpaio/executor/executor.h"
#include "mpaio/executor/inline_executor.h"
#include "mpaio/executor/thread_pool.h"
#include "mpaio/host/huge_pages.h"
#include "mpaio/orchestration/run.h"
#include "mpaio/orchestration/run_observer.h"
#include "mpaio/orchestration/run_options.h"
#include "mpaio/orchestration/run_statistics.h"
#include "mpaio/orchestration/worker_orchestrator.h"
#ifdef MPAIO_HAS_MPI
#include "mpaio/executor/mpi_executor.h"
#include "mpaio/mpi/communicator.h"
#include "mpaio/mpi/environment.h"
#endif

// Jobs by name.
#include "mpaio/jobs/answer.h"
#include "mpaio/jobs/job_options.h"
#include "mpaio/jobs/job_run.h"
#include "mpaio/jobs/outcome.h"
#include "mpaio/jobs/parameters.h"
#include "mpaio/jobs/plan.h"
#include "mpaio/jobs/registry.h"
#include "mpaio/jobs/run_extension.h"

// Statuses: what the functions above return, and macros to hand errors on.
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/base/version.h"

#endif  // MPAIO_MPAIO_H_
