// SPDX-License-Identifier: Apache-2.0

// Leftovers of dead jobs: files in shared memory, which take memory until they are removed, and
// session directories of Open MPI.
#ifndef MPAIO_DIAGNOSIS_STALE_H_
#define MPAIO_DIAGNOSIS_STALE_H_

#include <sys/types.h>

#include <ctime>
#include <string>
#include <vector>

#include "mpaio/base/index.h"

namespace mpaio {

struct Stale {
  std::vector<std::string> segments, session_directories;
  // Memory and disk space that they occupy.
  Index segment_bytes = 0, session_bytes = 0;
  // Not 0 if nothing is reported because this process of the user cannot be examined.
  int unseen_process = 0;
};

// The directories to search, the owner to search for, and the reference time.
struct StaleSources {
  std::string proc = "/proc";
  std::vector<std::string> segment_directories;  // /dev/shm
  std::vector<std::string> session_roots;        // /tmp
  uid_t user = 0;
  // Part of the names. Leftovers of other hosts, in a shared directory, cannot be judged here.
  std::string host;
  std::time_t now = 0;
};

// Returns the sources of this process: SegmentDirectories() and SessionRoots() of open_mpi.h, as
// far as they exist.
StaleSources OwnStaleSources();

// Finds stale leftovers; names are in ascending order. A segment (vader_segment.*, sm_segment.*,
// osc_sm.*) or session directory (those in ompi.*, prte.*, pmix-*) is stale if it belongs to the
// user and is at least a minute old, no process has it mapped or open (of a directory: nor anything
// below it), and the process that its name refers to is gone. Nothing is reported if a process of
// the user, other than PID 1, cannot be examined, because it may be the owner. Examines every
// process, which takes milliseconds.
Stale FindStale(const StaleSources& sources);

}  // namespace mpaio

#endif  // MPAIO_DIAGNOSIS_STALE_H_
