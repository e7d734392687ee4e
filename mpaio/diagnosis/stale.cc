// SPDX-License-Identifier: Apache-2.0
#include "mpaio/diagnosis/stale.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "mpaio/executor/executor.h"
#include "mpaio/launcher/open_mpi.h"

namespace mpaio {
namespace {

namespace fs = std::filesystem;

constexpr std::time_t kLeastAgeSeconds = 60;

std::vector<std::string> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
    names.push_back(at->path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

bool IsNumber(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
}

// The files that processes have mapped or open.
class InUse {
 public:
  InUse(const std::string& proc, uid_t user) {
    for (const std::string& pid : NamesIn(proc)) {
      if (!IsNumber(pid)) continue;
      const std::string process = absl::StrCat(proc, "/", pid);
      struct stat owner;
      if (stat(process.c_str(), &owner) != 0) continue;  // it has ended
      const bool is_seen = ReadMaps(process + "/maps") && ReadOpen(process + "/fd");
      // The first process of a container often cannot be examined; it is not a rank.
      if (is_seen || pid == "1" || owner.st_uid != user || stat(process.c_str(), &owner) != 0)
        continue;
      if (!absl::SimpleAtoi(pid, &unseen_process_)) unseen_process_ = -1;
    }
  }

  // 0: none.
  int unseen_process() const { return unseen_process_; }
  bool HasFile(const std::string& path, const struct stat& file) const {
    return inodes_.count({file.st_dev, file.st_ino}) != 0 || paths_.count(path) != 0;
  }
  bool HasAnythingIn(const std::string& directory) const {
    const std::string prefix = directory + "/";
    const auto first = paths_.lower_bound(prefix);
    return first != paths_.end() && absl::StartsWith(*first, prefix);
  }

 private:
  // proc(5): FROM-TO PERMISSIONS OFFSET MAJOR:MINOR INODE PATH. Recorded by inode, too, because
  // another mount namespace has other paths.
  bool ReadMaps(const std::string& path) {
    std::ifstream maps(path);
    if (!maps) return errno == ENOENT || errno == ESRCH;
    for (std::string line; std::getline(maps, line);) {
      const std::vector<absl::string_view> fields = absl::StrSplit(line, absl::MaxSplits(' ', 5));
      if (fields.size() < 6 || fields[4] == "0") continue;
      const std::vector<std::string> device = absl::StrSplit(fields[3], ':');
      unsigned long long inode = 0;
      if (device.size() == 2 && absl::SimpleAtoi(fields[4], &inode)) {
        const auto hex = [](const std::string& digits) {
          return static_cast<unsigned>(strtoul(digits.c_str(), nullptr, 16));
        };
        inodes_.insert({makedev(hex(device[0]), hex(device[1])), static_cast<ino_t>(inode)});
      }
      paths_.insert(std::string(absl::StripAsciiWhitespace(fields[5])));
    }
    return true;
  }

  bool ReadOpen(const std::string& directory) {
    std::error_code error;
    fs::directory_iterator at(directory, error);
    if (error)
      return error == std::errc::no_such_file_or_directory || error == std::errc::no_such_process;
    for (const fs::directory_iterator end; !error && at != end; at.increment(error)) {
      std::error_code ignored;
      paths_.insert(fs::read_symlink(at->path(), ignored).string());
      struct stat file;
      if (stat(at->path().c_str(), &file) == 0) inodes_.insert({file.st_dev, file.st_ino});
    }
    return true;
  }

  std::set<std::pair<dev_t, ino_t>> inodes_;
  std::set<std::string> paths_;
  int unseen_process_ = 0;
};

bool IsSegment(absl::string_view name) {
  return absl::StartsWith(name, "vader_segment.") || absl::StartsWith(name, "sm_segment.") ||
         absl::StartsWith(name, "osc_sm.");
}

// Names are vader_segment.HOST.USER.JOB.RANK, ompi.HOST.USER and so on; either host name may be cut
// at its first dot.
bool IsOfHost(absl::string_view name, absl::string_view host) {
  const std::size_t dot = name.find('.');
  if (dot == absl::string_view::npos) return true;  // pmix-PID
  return absl::StartsWith(absl::StrCat(name.substr(dot + 1), "."),
                          absl::StrCat(host.substr(0, host.find('.')), "."));
}

bool IsSessionRoot(absl::string_view name) {
  return absl::StartsWith(name, "ompi.") || absl::StartsWith(name, "prte.") ||
         absl::StartsWith(name, "pmix-");
}

// Returns the process in the name of a session directory: pid.PID (Open MPI 4), dvm.PID (5),
// prte.HOST.PID.USER (later), pmix-PID; empty if there is none.
std::string OwnerIn(absl::string_view name) {
  for (absl::string_view prefix : {"pid.", "dvm.", "pmix-"}) {
    if (absl::StartsWith(name, prefix) && IsNumber(name.substr(prefix.size())))
      return std::string(name.substr(prefix.size()));
  }
  const std::vector<std::string> parts = absl::StrSplit(name, '.');
  if (parts.size() >= 4 && parts[0] == "prte" && IsNumber(parts[parts.size() - 2]) &&
      IsNumber(parts.back()))
    return parts[parts.size() - 2];
  return "";
}

bool IsOwnAndOld(const std::string& path, const StaleSources& sources, struct stat* status) {
  return lstat(path.c_str(), status) == 0 && status->st_uid == sources.user &&
         sources.now - status->st_mtime >= kLeastAgeSeconds;
}

Index BytesBelow(const std::string& directory) {
  Index bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    struct stat file;
    if (lstat(at->path().c_str(), &file) == 0) bytes += static_cast<Index>(file.st_blocks) * 512;
  }
  return bytes;
}

}  // namespace

StaleSources OwnStaleSources() {
  StaleSources sources;
  const auto add = [](std::vector<std::string>* all, const std::string& directory) {
    std::error_code error;
    const fs::path canonical = fs::canonical(directory, error);
    if (!error && std::find(all->begin(), all->end(), canonical.string()) == all->end())
      all->push_back(canonical.string());
  };
  for (const std::string& directory : SegmentDirectories())
    add(&sources.segment_directories, directory);
  for (const std::string& directory : SessionRoots()) add(&sources.session_roots, directory);
  sources.user = geteuid();
  sources.host = HostName();
  sources.now = std::time(nullptr);
  return sources;
}

Stale FindStale(const StaleSources& sources) {
  Stale stale;
  // Collects the candidates before it examines processes, so that files that are created meanwhile
  // are not among them.
  std::vector<std::pair<std::string, struct stat>> segments;
  for (const std::string& directory : sources.segment_directories) {
    for (const std::string& name : NamesIn(directory)) {
      struct stat status;
      const std::string path = absl::StrCat(directory, "/", name);
      if (IsSegment(name) && IsOfHost(name, sources.host) && IsOwnAndOld(path, sources, &status) &&
          S_ISREG(status.st_mode))
        segments.emplace_back(path, status);
    }
  }
  std::vector<std::string> sessions;
  for (const std::string& root : sources.session_roots) {
    for (const std::string& top : NamesIn(root)) {
      struct stat status;
      const std::string path = absl::StrCat(root, "/", top);
      if (!IsSessionRoot(top) || !IsOfHost(top, sources.host)) continue;
      if (lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
          status.st_uid != sources.user)
        continue;
      std::vector<std::string> candidates;
      if (!OwnerIn(top).empty()) {
        candidates = {path};
      } else {
        // The root has a directory for each job of the user on this host.
        for (const std::string& name : NamesIn(path)) {
          if (!OwnerIn(name).empty() || absl::StartsWith(name, "jf."))
            candidates.push_back(absl::StrCat(path, "/", name));
        }
      }
      for (const std::string& candidate : candidates) {
        const std::string owner = OwnerIn(fs::path(candidate).filename().string());
        if (!owner.empty() && access(absl::StrCat(sources.proc, "/", owner).c_str(), F_OK) == 0)
          continue;
        if (IsOwnAndOld(candidate, sources, &status) && S_ISDIR(status.st_mode))
          sessions.push_back(candidate);
      }
    }
  }
  if (segments.empty() && sessions.empty()) return stale;
  const InUse in_use(sources.proc, sources.user);
  stale.unseen_process = in_use.unseen_process();
  if (stale.unseen_process != 0) return stale;
  for (const auto& [path, status] : segments) {
    if (in_use.HasFile(path, status)) continue;
    stale.segments.push_back(path);
    stale.segment_bytes += static_cast<Index>(status.st_blocks) * 512;
  }
  for (const std::string& path : sessions) {
    if (in_use.HasAnythingIn(path)) continue;
    stale.session_directories.push_back(path);
    stale.session_bytes += BytesBelow(path);
  }
  return stale;
}

}  // namespace mpaio
