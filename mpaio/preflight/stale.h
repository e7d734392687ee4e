// SPDX-License-Identifier: Apache-2.0

// What dead jobs have left behind: files in shared memory, which take memory until they are
// removed, and session directories of Open MPI.
#ifndef MPAIO_PREFLIGHT_STALE_H_
#define MPAIO_PREFLIGHT_STALE_H_

#include <sys/types.h>

#include <ctime>
#include <string>
#include <vector>

#include "mpaio/base/index.h"

namespace mpaio {

struct Stale {
  std::vector<std::string> segments, session_directories;
  // The memory or disk behind them.
  Index segment_bytes = 0, session_bytes = 0;
  // A process of the user that cannot be looked into, so that nothing is told, though there is what
  // may be stale; 0: none.
  int unseen_process = 0;
};

// Where they are looked for, whose, and as of when.
struct StaleSources {
  std::string proc = "/proc";
  std::vector<std::string> segment_directories;  // /dev/shm
  std::vector<std::string> session_roots;        // /tmp
  uid_t user = 0;
  std::string host;  // names have it in them; what is another host's, in a directory that they
                     // share, cannot be judged here
  std::time_t now = 0;
};

// The sources of this process: BackingDirectory(), /dev/shm and the directories that the MCA
// parameters of Open MPI's transports name; TMPDIR and /tmp.
StaleSources OwnStaleSources();

// A segment (vader_segment.*, sm_segment.*, osc_sm.*) or session directory (those in ompi.*,
// prte.*, pmix-*) is stale if it is the user's and older than a minute, no process has it mapped or
// open, nor, of a directory, anything below it, and the process that its name says it belongs to is
// gone. Names in ascending order. Nothing is told where a process of the user, other than the first
// of all, cannot be looked into, as that may be the owner. Looks into every process: milliseconds.
Stale FindStale(const StaleSources& sources);

}  // namespace mpaio

#endif  // MPAIO_PREFLIGHT_STALE_H_
