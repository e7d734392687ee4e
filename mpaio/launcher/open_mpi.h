// SPDX-License-Identifier: Apache-2.0

// Settings of Open MPI: the environment variables by which a user, mpirun or mpaio configures it,
// and remedies that name them. "4" below is Open MPI 4, whose launcher is ORTE; later versions have
// PRRTE.
#ifndef MPAIO_LAUNCHER_OPEN_MPI_H_
#define MPAIO_LAUNCHER_OPEN_MPI_H_

#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace mpaio {

// The environment variable that names the directory of windows.
inline constexpr char kBackingDirectorySetting[] = "OMPI_MCA_osc_sm_backing_directory";

// Returns the directory where Open MPI puts the file behind a window: the value of
// kBackingDirectorySetting, or /dev/shm.
std::string BackingDirectory();

// Returns the directories where Open MPI may have put segments of shared memory, and those where
// mpirun may have put session directories. Some of them may be missing or the same.
std::vector<std::string> SegmentDirectories();
std::vector<std::string> SessionRoots();

// True if the user has told Open MPI not to bind (`mpirun --bind-to none`), as several jobs on one
// node require. Reads the variables that Open MPI 4 and 5 pass on in the environment.
bool IsToldNotToBind();

// Returns the number in "Open MPI v4.1.4, package: ...", "mpirun (Open MPI) 5.0.7" and the like;
// empty if there is none.
std::string VersionIn(absl::string_view text);

// Returns the version of the mpirun in PATH, such as "4.1.4"; "?": not Open MPI's; empty: no
// mpirun. Runs `mpirun --version`.
std::string MpirunVersion();

// True if the environment allows mpirun to start as root; and, for an mpirun of `version`, to start
// more ranks than the node has cores.
bool AllowsRoot();
bool AllowsOversubscription(absl::string_view version);

// Returns the shell command after which AllowsRoot() or AllowsOversubscription(version).
std::string CommandToAllowRoot();
std::string CommandToAllowOversubscription(absl::string_view version);

// An environment variable that configures Open MPI. mpaio sets it unless the user has.
struct MpiSetting {
  enum When { kAlways, kOnOneNode };
  const char* name;
  const char* value;
  When when;
  int least_major_version;  // of Open MPI; 0: any
  const char* why;          // one sentence, without a full stop
};

// Returns all settings. docs/program.md shows the table.
std::span<const MpiSetting> MpiSettings();

// Sets those of MpiSettings() that the environment lacks and that concern this version of Open MPI.
// Precondition: MPI has not started, and there are no other threads.
void ApplyMpiSettings(int major_version, bool are_all_on_one_node);

}  // namespace mpaio

#endif  // MPAIO_LAUNCHER_OPEN_MPI_H_
