// SPDX-License-Identifier: Apache-2.0
#include "mpaio/diagnosis/doctor.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "mpaio/base/status_macros.h"
#include "mpaio/base/wire.h"
#include "mpaio/diagnosis/checks.h"
#include "mpaio/diagnosis/stale.h"
#include "mpaio/format/array_file.h"
#include "mpaio/host/binding.h"
#include "mpaio/host/file_mapping.h"
#include "mpaio/host/memory_capacity.h"
#include "mpaio/launcher/open_mpi.h"
#include "mpaio/mpi/environment.h"

namespace mpaio {
namespace {

double WallClockSeconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::vector<int> OwnAffinity() {
  absl::StatusOr<std::vector<int>> affinity = Affinity();
  return affinity.ok() ? *std::move(affinity) : std::vector<int>();
}

// Collective over `node`: returns the affinity of each of its ranks.
absl::StatusOr<std::vector<std::vector<int>>> GatherAffinities(const Communicator& node) {
  std::vector<std::vector<int>> affinities;
  for (int rank = 0; rank < node.size(); ++rank) {
    std::string bytes;
    if (rank == node.rank()) {
      for (const int cpu : OwnAffinity()) WireAppend(cpu, &bytes);
    }
    MPAIO_RETURN_IF_ERROR(node.Broadcast(rank, &bytes));
    WireReader reader(bytes);
    std::vector<int>& affinity = affinities.emplace_back();
    for (int cpu = 0; !reader.at_end() && reader.Read(&cpu);) affinity.push_back(cpu);
  }
  return affinities;
}

// Adds a finding for each input to `*findings`, and the memory that it takes to `*wanted`.
void ExamineInputs(const std::vector<std::string>& inputs, Wanted* wanted,
                   std::vector<Finding>* findings) {
  wanted->num_inputs = static_cast<int>(inputs.size());
  for (const std::string& name : inputs) {
    const auto add = [&](Severity severity, std::string text, std::string remedy = "") {
      findings->push_back({severity, "input", std::move(text), std::move(remedy), ""});
    };
    if (ArrayFile::IsStandardInput(name)) {
      add(Severity::kNote, absl::StrCat(name, ": its size is known only when it is read"));
      continue;
    }
    const absl::StatusOr<ArrayFile> file = ArrayFile::Open(name);
    if (!file.ok()) {
      add(Severity::kRefusal, std::string(file.status().message()));
      continue;
    }
    const bool is_mapped = file->Map(/*takes_lease=*/false).ok();
    (is_mapped ? wanted->mapped_bytes : wanted->copied_bytes) += file->size_bytes();
    add(Severity::kOk,
        absl::StrCat(name, ": ", file->Describe(),
                     is_mapped ? ": can be mapped" : ": is copied to shared memory"));
  }
}

std::vector<Finding> ExamineNode(const std::vector<std::string>& inputs, CpuFacts cpus,
                                 const LauncherFacts& launcher) {
  std::vector<Finding> findings;
  const auto add = [&findings](std::vector<Finding> more) {
    for (Finding& finding : more) findings.push_back(std::move(finding));
  };
  Wanted wanted;
  // If no launcher started this process, checks whether several ranks could be started.
  wanted.ranks = launcher.world_size > 1
                     ? static_cast<int>(cpus.affinities.size())
                     : std::max(1, static_cast<int>(cpus.affinities.front().size()));
  ExamineInputs(inputs, &wanted, &findings);
  const SharedMemoryFacts shared_memory = ReadSharedMemory(BackingDirectory());
  add({CheckSharedMemory(shared_memory, wanted), CheckMemory(FindMemoryCapacity(""), wanted)});
  add(CheckStale(FindStale(OwnStaleSources())));
  add(CheckLimits(ReadLimits(), wanted));
  add(CheckCpus(cpus, IsToldNotToBind()));
  add(CheckLauncher(launcher, static_cast<int>(cpus.affinities.front().size())));
  add({CheckHugePageSupply(shared_memory), CheckClock(ReadClock({}))});
  for (Finding& finding : findings) finding.host = HostName();
  return findings;
}

}  // namespace

absl::StatusOr<std::vector<Finding>> Examine(const std::vector<std::string>& inputs,
                                             const Communicator& world, LauncherFacts launcher) {
  launcher.library_version =
      absl::StrContains(MpiLibraryVersion(), "Open MPI") ? VersionIn(MpiLibraryVersion()) : "";
  launcher.world_size = world.size();
  MPAIO_ASSIGN_OR_RETURN(const Communicator node, world.SplitByNode());
  MPAIO_RETURN_IF_ERROR(world.Barrier());
  const double now = WallClockSeconds();
  CpuFacts cpus = ReadCpus({});
  MPAIO_ASSIGN_OR_RETURN(cpus.affinities, GatherAffinities(node));

  std::string mine;
  if (node.rank() == 0) {
    WireAppend(now, &mine);
    mine += EncodeFindings(ExamineNode(inputs, std::move(cpus), launcher));
  }
  std::vector<int> is_leader;
  MPAIO_RETURN_IF_ERROR(world.AllGather(node.rank() == 0 ? 1 : 0, &is_leader));
  std::vector<Finding> findings;
  std::vector<std::pair<std::string, double>> clocks;
  for (int rank = 0; rank < world.size(); ++rank) {
    if (is_leader[static_cast<std::size_t>(rank)] == 0) continue;
    std::string bytes = rank == world.rank() ? mine : "";
    MPAIO_RETURN_IF_ERROR(world.Broadcast(rank, &bytes));
    if (world.rank() != 0) continue;
    WireReader reader(bytes);
    double seconds = 0;
    if (!reader.Read(&seconds)) return absl::DataLossError("findings were damaged in transit");
    MPAIO_ASSIGN_OR_RETURN(const std::vector<Finding> of_node, DecodeFindings(reader.rest()));
    if (!of_node.empty()) clocks.emplace_back(of_node.front().host, seconds);
    findings.insert(findings.end(), of_node.begin(), of_node.end());
  }
  const std::vector<Finding> wall_clocks = CheckWallClocks(clocks);
  findings.insert(findings.end(), wall_clocks.begin(), wall_clocks.end());
  return findings;
}

absl::StatusOr<std::string> WarningBeforeRun(Executor& executor, const Communicator& world,
                                             Index mapped_bytes) {
  absl::Status warning;
  if (executor.size() > 1 && world.size() == executor.size()) {
    // The ranks of a node are crowded if all of them are bound to the same CPUs, and these are
    // fewer than the ranks. A rank that may run anywhere is not crowded: in the usual case, when
    // all ranks may, the second exchange is left out.
    const std::vector<int> affinity = OwnAffinity();
    const bool is_free = affinity.empty() ||
                         static_cast<long>(affinity.size()) >= sysconf(_SC_NPROCESSORS_ONLN) ||
                         IsToldNotToBind();
    constexpr int kMostCpus = 1 << 12;
    // The first CPU and the number of CPUs: equal for ranks that are bound to the same CPUs.
    const int binding = is_free ? -1
                                : affinity.front() % kMostCpus * kMostCpus +
                                      static_cast<int>(affinity.size()) % kMostCpus;
    std::vector<int> all, nodes;
    MPAIO_RETURN_IF_ERROR(world.AllGather(binding, &all));
    if (std::any_of(all.begin(), all.end(), [](int value) { return value >= 0; })) {
      MPAIO_RETURN_IF_ERROR(world.AllGather(executor.node(), &nodes));
      bool is_crowded = binding >= 0 && static_cast<int>(affinity.size()) < executor.node_size();
      for (std::size_t rank = 0; rank < all.size(); ++rank)
        is_crowded &= nodes[rank] != executor.node() || all[rank] == binding;
      if (is_crowded) {
        warning = absl::FailedPreconditionError(
            absl::StrCat("the ", executor.node_size(), " ranks of host ", executor.host(),
                         " share ", affinity.size(), affinity.size() == 1 ? " CPU" : " CPUs",
                         ", while others are idle: mpirun --bind-to none"));
      }
    }
  }
  // The check opens some files, which is not worthwhile for less than this.
  constexpr Index kManyBytes = Index{256} << 20;
  if (warning.ok() && executor.node_rank() == 0 && mapped_bytes >= kManyBytes) {
    const MemoryCapacity capacity = FindMemoryCapacity("");
    if (capacity.available_bytes < mapped_bytes &&
        absl::StrContains(capacity.limited_by, "control group")) {
      warning = absl::FailedPreconditionError(absl::StrCat(
          "the inputs take ", FormatBytes(mapped_bytes), " on host ", executor.host(), ", where ",
          capacity.limited_by, " leaves ", FormatBytes(capacity.available_bytes),
          ": they are read from the disk again for each pass; ", capacity.remedy));
    }
  }
  warning = executor.Agree(warning);
  if (executor.is_broken()) return warning;
  return std::string(warning.message());
}

}  // namespace mpaio
