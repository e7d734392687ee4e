// SPDX-License-Identifier: Apache-2.0
#include "mpaio/launcher/open_mpi.h"

#include <stdlib.h>

#include <cstdio>
#include <initializer_list>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace mpaio {
namespace {

constexpr char kRoot[] = "OMPI_ALLOW_RUN_AS_ROOT";
constexpr char kRootConfirm[] = "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM";
constexpr char kOversubscribe4[] = "OMPI_MCA_rmaps_base_oversubscribe";
constexpr char kMappingPolicy[] = "PRTE_MCA_rmaps_default_mapping_policy";
constexpr char kMapBy[] = "PRTE_MCA_mapby";

constexpr MpiSetting kMpiSettings[] = {
    {"OMPI_MCA_mpi_yield_when_idle", "1", MpiSetting::kAlways, 0,
     "ranks that wait inside MPI give up their core; without it, more ranks than cores wait for "
     "milliseconds"},
    {"OMPI_MCA_btl_vader_single_copy_mechanism", "none", MpiSetting::kAlways, 0,
     "no ptrace-like calls, which containers forbid (Open MPI 4); no slower"},
    {"OMPI_MCA_smsc", "^cma", MpiSetting::kAlways, 0, "the same for Open MPI 5 and later"},
    {"OMPI_MCA_shmem", "^posix", MpiSetting::kAlways, 0,
     "its probe makes a file in /dev/shm, which stays if the process is killed meanwhile; mmap is "
     "preferred anyway"},
    {"OMPI_MCA_pml", "ob1", MpiSetting::kOnOneNode, 0,
     "no probing of fabrics, which is two thirds of the start"},
    {"OMPI_MCA_reachable", "^netlink", MpiSetting::kOnOneNode, 0,
     "Open MPI 5 complains of the kernel's answers about its own IPv6 address"},
    {"OMPI_MCA_btl", "self,sm", MpiSetting::kOnOneNode, 5, "no probing of fabrics"},
    {"OMPI_MCA_osc", "sm,rdma", MpiSetting::kOnOneNode, 5, "no probing of fabrics"},
};

std::string ValueOf(const char* name) {
  const char* const value = getenv(name);
  return value != nullptr ? value : "";
}

void AppendValues(std::initializer_list<const char*> names, std::vector<std::string>* directories) {
  for (const char* name : names) {
    if (std::string value = ValueOf(name); !value.empty()) directories->push_back(std::move(value));
  }
}

bool IsTrue(const std::string& value) {
  return !value.empty() && value != "0" && value != "false" && value != "no";
}

bool IsVersion4(absl::string_view version) {
  return version == "4" || absl::StartsWith(version, "4.");
}

std::string OutputOf(const char* command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command, "re"), &pclose);
  std::string text;
  char buffer[512];
  for (std::size_t got; pipe && (got = std::fread(buffer, 1, sizeof buffer, pipe.get())) > 0;)
    text.append(buffer, got);
  return text;
}

}  // namespace

std::string BackingDirectory() {
  const std::string directory = ValueOf(kBackingDirectorySetting);
  return directory.empty() ? "/dev/shm" : directory;
}

std::vector<std::string> SegmentDirectories() {
  std::vector<std::string> directories = {BackingDirectory(), "/dev/shm"};
  AppendValues({"OMPI_MCA_btl_vader_backing_directory", "OMPI_MCA_btl_sm_backing_directory"},
               &directories);
  return directories;
}

std::vector<std::string> SessionRoots() {
  std::vector<std::string> directories;
  AppendValues({"TMPDIR", "OMPI_MCA_orte_tmpdir_base", "PRTE_MCA_prte_tmpdir_base"}, &directories);
  directories.push_back("/tmp");
  return directories;
}

bool IsToldNotToBind() {
  for (const char* name :
       {"OMPI_MCA_hwloc_base_binding_policy", "PRTE_MCA_hwloc_default_binding_policy",
        "PRTE_MCA_rmaps_default_bind_to"}) {
    if (absl::StartsWith(ValueOf(name), "none")) return true;
  }
  return false;
}

std::string VersionIn(absl::string_view text) {
  for (absl::string_view word :
       absl::StrSplit(text, absl::ByAnyChar(" \n\t,()"), absl::SkipEmpty())) {
    if (!word.empty() && word.front() == 'v') word.remove_prefix(1);
    if (!word.empty() && absl::ascii_isdigit(static_cast<unsigned char>(word.front())) &&
        absl::StrContains(word, '.'))
      return std::string(word);
  }
  return "";
}

std::string MpirunVersion() {
  const std::string said = OutputOf("mpirun --version 2>/dev/null </dev/null");
  if (said.empty()) return "";
  // An mpirun that prints anything but Open MPI's version belongs to another MPI.
  return absl::StrContains(said, "Open MPI") || absl::StrContains(said, "OpenRTE") ? VersionIn(said)
                                                                                   : "?";
}

bool AllowsRoot() { return IsTrue(ValueOf(kRoot)) && IsTrue(ValueOf(kRootConfirm)); }

bool AllowsOversubscription(absl::string_view version) {
  if (IsVersion4(version)) return IsTrue(ValueOf(kOversubscribe4));
  return absl::StrContains(ValueOf(kMappingPolicy), ":oversubscribe") ||
         absl::StrContains(ValueOf(kMapBy), ":oversubscribe");
}

std::string CommandToAllowRoot() {
  return absl::StrCat("export ", kRoot, "=1 ", kRootConfirm, "=1");
}

std::string CommandToAllowOversubscription(absl::string_view version) {
  return IsVersion4(version) ? absl::StrCat("export ", kOversubscribe4, "=1")
                             : absl::StrCat("export ", kMappingPolicy, "=:oversubscribe");
}

std::span<const MpiSetting> MpiSettings() { return kMpiSettings; }

void ApplyMpiSettings(int major_version, bool are_all_on_one_node) {
  for (const MpiSetting& setting : MpiSettings()) {
    if (setting.when == MpiSetting::kOnOneNode && !are_all_on_one_node) continue;
    if (major_version < setting.least_major_version) continue;
    setenv(setting.name, setting.value, /*overwrite=*/0);
  }
}

}  // namespace mpaio
