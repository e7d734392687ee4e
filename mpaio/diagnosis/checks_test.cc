// SPDX-License-Identifier: Apache-2.0
#include "mpaio/diagnosis/checks.h"

#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "mpaio/launcher/open_mpi.h"

namespace mpaio {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Index kMebi = Index{1} << 20, kGibi = Index{1} << 30;

auto Is(Severity severity, const std::string& text, const std::string& remedy) {
  return AllOf(Field(&Finding::severity, severity), Field(&Finding::text, HasSubstr(text)),
               Field(&Finding::remedy, HasSubstr(remedy)));
}

auto IsOk(const std::string& text) {
  return AllOf(Field(&Finding::severity, Severity::kOk), Field(&Finding::text, HasSubstr(text)),
               Field(&Finding::remedy, IsEmpty()));
}

// A /dev/shm of 64 MiB, 24 MiB of which are used.
SharedMemoryFacts SmallSharedMemory() { return {"/dev/shm", "", 64 * kMebi, 40 * kMebi, ""}; }

TEST(CheckSharedMemory, EnoughIsOk) {
  EXPECT_THAT(CheckSharedMemory(SmallSharedMemory(), {.ranks = 4}),
              IsOk("/dev/shm: 40 MiB free of 64 MiB"));
  // Exact to the byte: 4 MiB for each rank in addition.
  EXPECT_THAT(CheckSharedMemory(SmallSharedMemory(), {.copied_bytes = 24 * kMebi, .ranks = 4}),
              IsOk("40 MiB free"));
  EXPECT_THAT(
      CheckSharedMemory(SmallSharedMemory(),
                        {.copied_bytes = 20 * kMebi, .mapped_bytes = 4 * kMebi, .ranks = 4}),
      IsOk("40 MiB free"));
  EXPECT_THAT(CheckSharedMemory({"/dev/shm", "", 0, 0, ""}, {.copied_bytes = kGibi, .ranks = 4}),
              IsOk("without a limit"));
}

TEST(CheckSharedMemory, TooLittleForCopiedInputsRefuses) {
  EXPECT_THAT(
      CheckSharedMemory(SmallSharedMemory(), {.copied_bytes = 24 * kMebi + 1, .ranks = 4}),
      // Twice what is used and needed: 24 + 16 + 24 MiB, and a byte.
      Is(Severity::kRefusal,
         "the run needs 16 MiB for Open MPI (4 ranks) and 24 MiB for inputs that cannot be mapped",
         "mount -o remount,size=129m '/dev/shm'"));
  EXPECT_THAT(
      CheckSharedMemory(SmallSharedMemory(), {.ranks = 11}),
      Is(Severity::kRefusal, "the run needs 44 MiB for Open MPI (11 ranks)", "--shm-size="));
}

TEST(CheckSharedMemory, TooLittleForMappedInputsAloneIsANote) {
  EXPECT_THAT(CheckSharedMemory(SmallSharedMemory(), {.mapped_bytes = 100 * kMebi, .ranks = 4}),
              Is(Severity::kNote, "the inputs, 100 MiB, fit only if they are mapped", "size=280m"));
}

TEST(CheckSharedMemory, AnUnwritableDirectoryRefuses) {
  EXPECT_THAT(
      CheckSharedMemory({"/dev/shm", "read-only file system", 64 * kMebi, 64 * kMebi, ""}, {}),
      Is(Severity::kRefusal, "/dev/shm: no file can be made there: read-only file system",
         kBackingDirectorySetting));
}

TEST(CheckHugePageSupply, IsOkOrANote) {
  EXPECT_THAT(CheckHugePageSupply(SmallSharedMemory()), IsOk("provided on request"));
  SharedMemoryFacts facts = SmallSharedMemory();
  facts.huge_pages_remedy = "mount -o remount,huge=advise /dev/shm, as root";
  EXPECT_THAT(CheckHugePageSupply(facts), Is(Severity::kNote, "/dev/shm: none",
                                             "mount -o remount,huge=advise /dev/shm, as root"));
}

TEST(CheckMemory, IsOkAWarningOrARefusal) {
  const MemoryCapacity capacity{kGibi, "the memory limit of the control group", "raise it"};
  EXPECT_THAT(
      CheckMemory(capacity, {.copied_bytes = kGibi / 2, .mapped_bytes = kGibi / 2, .ranks = 2}),
      IsOk("1 GiB available; the limit is the memory limit of"));
  EXPECT_THAT(CheckMemory(capacity, {.mapped_bytes = kGibi + 1}),
              Is(Severity::kWarning, "the inputs take 1 GiB: those that are mapped", "raise it"));
  EXPECT_THAT(CheckMemory(capacity, {.copied_bytes = kGibi - 8 * kMebi, .ranks = 2}),
              IsOk("1 GiB available"));
  EXPECT_THAT(CheckMemory(capacity, {.copied_bytes = kGibi - 8 * kMebi + 1, .ranks = 2}),
              Is(Severity::kRefusal,
                 "the run needs 1016 MiB for inputs that cannot be mapped, and 8 MiB for Open MPI",
                 "raise it"));
  EXPECT_THAT(
      CheckMemory({std::numeric_limits<Index>::max(), "nothing", ""}, {.copied_bytes = kGibi}),
      IsOk("no limit"));
}

TEST(CheckLimits, NoneIsOk) {
  EXPECT_THAT(CheckLimits({}, {.copied_bytes = kGibi, .ranks = 64}),
              ElementsAre(IsOk("any number")));
  EXPECT_THAT(CheckLimits({.open_files = 1024}, {.ranks = 64}), ElementsAre(IsOk("1024 at most")));
}

TEST(CheckLimits, OfAddressSpaceRefuses) {
  const LimitFacts facts{.address_space_bytes = kGibi, .address_space_used_bytes = 256 * kMebi};
  EXPECT_THAT(CheckLimits(facts, {.mapped_bytes = 512 * kMebi}), ElementsAre(IsOk("")));
  EXPECT_THAT(CheckLimits(facts, {.mapped_bytes = 513 * kMebi}),
              ElementsAre(Is(Severity::kRefusal, "address space: 1 GiB at most (ulimit -v)",
                             "ulimit -v unlimited")));
}

TEST(CheckLimits, OfFilesRefusesSharedMemoryAndWarnsOfOutputs) {
  const LimitFacts facts{.file_bytes = 100 * kMebi};
  EXPECT_THAT(CheckLimits(facts, {.copied_bytes = 100 * kMebi, .ranks = 4}), ElementsAre(IsOk("")));
  EXPECT_THAT(CheckLimits(facts, {.copied_bytes = 101 * kMebi, .ranks = 4}),
              ElementsAre(Is(Severity::kRefusal, "101 MiB are needed", "ulimit -f unlimited")));
  EXPECT_THAT(CheckLimits(facts, {.mapped_bytes = 101 * kMebi, .ranks = 4}),
              ElementsAre(Is(Severity::kWarning, "101 MiB, cannot be written", "ulimit -f")));
  // Open MPI's own segments.
  EXPECT_THAT(CheckLimits({.file_bytes = kMebi}, {.ranks = 2}),
              ElementsAre(Is(Severity::kRefusal, "4 MiB are needed", "ulimit -f")));
  EXPECT_THAT(CheckLimits({.file_bytes = kMebi}, {.ranks = 1}), ElementsAre(IsOk("")));
}

TEST(CheckLimits, OfNumbersWarn) {
  EXPECT_THAT(CheckLimits({.open_files = 97}, {.num_inputs = 1, .ranks = 4}),
              ElementsAre(Is(Severity::kWarning, "open files: 97 at most", "ulimit -n 98")));
  EXPECT_THAT(CheckLimits({.processes = 95}, {.ranks = 4}),
              ElementsAre(Is(Severity::kWarning, "95 at most (ulimit -u), but up to 96 are needed",
                             "ulimit -u 96")));
  EXPECT_THAT(CheckLimits({.open_files = 10, .processes = 10}, {.ranks = 4}), testing::SizeIs(2));
}

TEST(CheckCpus, ACpuForEachRankIsOk) {
  EXPECT_THAT(CheckCpus({4, {}, {{0, 1, 2, 3}, {0, 1, 2, 3}}}, false),
              ElementsAre(IsOk("2 ranks on 4 CPUs of 4")));
  EXPECT_THAT(CheckCpus({4, {}, {{0}, {1}}}, false), ElementsAre(IsOk("2 ranks on 2 CPUs of 4")));
  EXPECT_THAT(CheckCpus({4, 4.0, {{0, 1, 2, 3}}}, false),
              ElementsAre(IsOk("1 rank on 4 CPUs of 4")));
}

TEST(CheckCpus, RanksThatShareFewerCpusThanThereAreAreAWarning) {
  const CpuFacts bound{4, {}, {{2}, {2}, {2}}};
  EXPECT_TRUE(IsCrowded(bound));
  EXPECT_THAT(CheckCpus(bound, false), ElementsAre(Is(Severity::kWarning, "3 ranks on 1 CPU of 4",
                                                      "mpirun --bind-to none")));
  EXPECT_THAT(CheckCpus(bound, true),
              ElementsAre(Is(Severity::kWarning, "3 ranks on 1 CPU of 4", "or start 1 rank")));
  EXPECT_TRUE(IsCrowded({4, {}, {{0}, {1}, {0}, {1}}}));
  EXPECT_FALSE(IsCrowded({4, {}, {{0}, {1}, {2}, {3}}}));
  EXPECT_FALSE(IsCrowded({4, {}, {{2}}}));
  EXPECT_FALSE(IsCrowded({1, {}, {{0}, {0}}}));
  EXPECT_FALSE(IsCrowded({4, {}, {{}, {}}}));
}

TEST(CheckCpus, MoreRanksThanCpusAreANote) {
  EXPECT_THAT(CheckCpus({2, {}, {{0, 1}, {0, 1}, {0, 1}}}, false),
              ElementsAre(Is(Severity::kNote, "more ranks than cores", "mpirun -n 2")));
}

TEST(CheckCpus, AQuotaBelowTheRanksIsAWarning) {
  const std::vector<int> all = {0, 1, 2, 3};
  EXPECT_THAT(
      CheckCpus({4, 1.5, {all, all}}, false),
      ElementsAre(IsOk(""), Is(Severity::kWarning, "the time of 1.5 CPUs", "start 1 rank")));
  EXPECT_THAT(CheckCpus({4, 2.0, {all, all}}, false),
              ElementsAre(IsOk(""), Is(Severity::kNote, "the time of 2 CPUs", "--cpus=")));
}

// An mpirun of the same version as the library, which may start any number of ranks.
LauncherFacts GoodLauncher(int ranks) {
  return {.mpirun_version = "4.1.4",
          .library_version = "4.1.4",
          .launched_ranks = ranks,
          .world_size = std::max(ranks, 1),
          .allows_oversubscription = true,
          .has_pmix = true};
}

TEST(CheckLauncher, OneOfTheSameVersionIsOk) {
  EXPECT_THAT(CheckLauncher(GoodLauncher(0), 2),
              ElementsAre(IsOk("one rank, this process"), IsOk("mpirun 4.1.4, Open MPI 4.1.4")));
  EXPECT_THAT(CheckLauncher(GoodLauncher(4), 2),
              ElementsAre(IsOk("4 ranks"), IsOk("mpirun 4.1.4")));
  // Versions of one series are compatible.
  LauncherFacts facts = GoodLauncher(4);
  facts.mpirun_version = "4.1.6";
  EXPECT_THAT(CheckLauncher(facts, 2),
              ElementsAre(IsOk("4 ranks"), IsOk("mpirun 4.1.6, Open MPI 4.1.4")));
}

TEST(CheckLauncher, RanksThatDoNotKnowOfEachOtherRefuse) {
  LauncherFacts facts = GoodLauncher(4);
  facts.world_size = 1;
  EXPECT_THAT(CheckLauncher(facts, 2).front(),
              Is(Severity::kRefusal, "started 4 ranks, each of which is alone",
                 "the mpirun of Open MPI 4.1.4"));
}

TEST(CheckLauncher, AnotherMpirunIsAWarning) {
  LauncherFacts facts = GoodLauncher(0);
  facts.mpirun_version = "5.0.7";
  EXPECT_THAT(CheckLauncher(facts, 2),
              ElementsAre(IsOk(""), Is(Severity::kWarning, "mpirun in PATH is of Open MPI 5.0.7",
                                       "Open MPI 4.1.4 first in PATH")));
  facts.mpirun_version = "?";
  EXPECT_THAT(CheckLauncher(facts, 2),
              ElementsAre(IsOk(""), Is(Severity::kWarning, "not Open MPI's", "first in PATH")));
  facts.mpirun_version = "";
  EXPECT_THAT(CheckLauncher(facts, 2),
              ElementsAre(IsOk(""), Is(Severity::kWarning, "no mpirun in PATH", "openmpi-bin")));
}

TEST(CheckLauncher, ReportsWhatMpirunWillRefuse) {
  LauncherFacts facts = GoodLauncher(0);
  facts.is_root = true;
  facts.allows_oversubscription = false;
  EXPECT_THAT(CheckLauncher(facts, 2),
              ElementsAre(IsOk(""), IsOk(""), Is(Severity::kWarning, "root", CommandToAllowRoot()),
                          Is(Severity::kNote, "2 CPUs", CommandToAllowOversubscription("4.1.4"))));
  facts.mpirun_version = facts.library_version = "5.0.7";
  EXPECT_THAT(CheckLauncher(facts, 2).back(),
              Is(Severity::kNote, "2 CPUs", CommandToAllowOversubscription("5.0.7")));
  facts.allows_root = facts.allows_oversubscription = true;
  EXPECT_THAT(CheckLauncher(facts, 2), ElementsAre(IsOk(""), IsOk("")));
  // If a job has been started, mpirun was allowed to start it, perhaps by a flag.
  facts.allows_root = facts.allows_oversubscription = false;
  for (const int ranks : {1, 2}) {
    facts.launched_ranks = facts.world_size = ranks;
    EXPECT_THAT(CheckLauncher(facts, 2), ElementsAre(IsOk(""), IsOk(""))) << ranks;
  }
}

TEST(CheckLauncher, ATooLongHostNameIsAWarning) {
  LauncherFacts facts = GoodLauncher(0);
  facts.host_name = std::string(56, 'h');
  EXPECT_THAT(CheckLauncher(facts, 2), ElementsAre(IsOk(""), IsOk("")));
  facts.host_name = std::string(57, 'h');
  EXPECT_THAT(CheckLauncher(facts, 2),
              ElementsAre(IsOk(""), IsOk(""),
                          Is(Severity::kWarning, "more than 56 characters, and this one has 57",
                             "--hostname")));
  // Later versions have space for such a name.
  facts.mpirun_version = facts.library_version = "5.0.7";
  EXPECT_THAT(CheckLauncher(facts, 2), ElementsAre(IsOk(""), IsOk("")));
  facts = GoodLauncher(2);
  facts.host_name = std::string(57, 'h');
  EXPECT_THAT(CheckLauncher(facts, 2), ElementsAre(IsOk(""), IsOk("")));
}

TEST(CheckLauncher, AUserWithoutAnyHomeIsAWarning) {
  LauncherFacts facts = GoodLauncher(0);
  facts.user_id = 12345;
  for (const bool has_home : {false, true}) {
    for (const bool has_passwd_entry : {false, true}) {
      facts.has_home = has_home;
      facts.has_passwd_entry = has_passwd_entry;
      const std::vector<Finding> findings = CheckLauncher(facts, 2);
      ASSERT_EQ(findings.size(), has_home || has_passwd_entry ? 2u : 3u);
      if (findings.size() == 3) {
        EXPECT_THAT(findings.back(), Is(Severity::kWarning, "user 12345", "export HOME="));
      }
    }
  }
}

TEST(CheckLauncher, NoPmixIsANote) {
  LauncherFacts facts = GoodLauncher(2);
  facts.has_pmix = false;
  EXPECT_THAT(CheckLauncher(facts, 2).back(), Is(Severity::kNote, "libpmix.so.2", "libpmix2"));
}

TEST(CheckClock, ASlowOneIsAWarning) {
  EXPECT_THAT(CheckClock({"tsc", "tsc hpet", 20}), IsOk("tsc: 20 ns"));
  EXPECT_THAT(CheckClock({"", "", 20}), IsOk("20 ns"));
  EXPECT_THAT(CheckClock({"hpet", "hpet tsc acpi_pm", 20}),
              Is(Severity::kWarning, "hpet: 20 ns", "echo tsc >/sys/devices/system/clocksource/"));
  EXPECT_THAT(CheckClock({"acpi_pm", "hpet acpi_pm", 2000}),
              Is(Severity::kWarning, "acpi_pm: 2000 ns", "--chunk=ROWS"));
  // On some virtual machines each reading of the clock is a system call.
  EXPECT_THAT(CheckClock({"xen", "xen tsc", 500}),
              Is(Severity::kWarning, "xen: 500 ns", "echo tsc"));
}

TEST(CheckWallClocks, MoreThanASecondApartIsAWarning) {
  EXPECT_THAT(CheckWallClocks({}), IsEmpty());
  EXPECT_THAT(CheckWallClocks({{"a", 5}}), IsEmpty());
  EXPECT_THAT(CheckWallClocks({{"a", 5}, {"b", 5.9}, {"c", 4.1}}), ElementsAre(IsOk("of 3 hosts")));
  EXPECT_THAT(CheckWallClocks({{"a", 5}, {"b", 5.5}, {"c", 3.5}}),
              ElementsAre(Is(Severity::kWarning, "c's wall clock is 1.5 s apart from that of a",
                             "chrony")));
}

TEST(CheckStale, SaysHowToRemoveIt) {
  EXPECT_THAT(CheckStale({}), ElementsAre(IsOk("none")));
  EXPECT_THAT(CheckStale({{"/dev/shm/vader_segment.a", "/dev/shm/it's"},
                          {"/tmp/ompi.a.0/pid.7"},
                          8 * kMebi,
                          12 * 1024}),
              ElementsAre(AllOf(Is(Severity::kWarning, "8 MiB of shared memory in 2 files", ""),
                                Field(&Finding::remedy,
                                      "rm -f -- '/dev/shm/vader_segment.a' '/dev/shm/it'\\''s'")),
                          AllOf(Is(Severity::kNote, "1 session directory with 12 KiB", ""),
                                Field(&Finding::remedy, "rm -rf -- '/tmp/ompi.a.0/pid.7'"))));
  Stale unseen;
  unseen.unseen_process = 23;
  EXPECT_THAT(CheckStale(unseen), ElementsAre(Is(Severity::kNote, "process 23", "as root")));
}

}  // namespace
}  // namespace mpaio
