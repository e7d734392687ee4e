// SPDX-License-Identifier: Apache-2.0
#include "mpaio/cli/command_line.h"

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mpaio {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

absl::StatusOr<CommandLine> Parse(std::vector<const char*> words) {
  words.insert(words.begin(), "orchestrator");
  return ParseCommandLine(static_cast<int>(words.size()), words.data());
}

TEST(ParseCommandLine, OneJob) {
  const absl::StatusOr<CommandLine> line = Parse({"sum", "ints.npy"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->action, Action::kRun);
  EXPECT_EQ(line->partition, Partition::Auto());
  EXPECT_EQ(line->format, OutputFormat::kText);
  EXPECT_EQ(line->progress, ProgressMode::kAuto);
  EXPECT_FALSE(line->report);
  EXPECT_EQ(line->files.cpu_usage, "");
  ASSERT_EQ(line->jobs.size(), 1u);
  EXPECT_EQ(line->jobs[0].worker, "sum");
  EXPECT_EQ(line->jobs[0].input, "ints.npy");
  EXPECT_EQ(line->jobs[0].output, "");
  EXPECT_THAT(line->jobs[0].parameters, IsEmpty());
}

TEST(ParseCommandLine, SeveralJobsWithOutputsAndParameters) {
  const absl::StatusOr<CommandLine> line =
      Parse({"map", "a.npy", "b.npy", "fn=sqrt", "+", "spin", "c=d.npy", "ns_per_row=5", "cost=a=b",
             "+", "map", "e.npy", "./f=g.npy"});
  ASSERT_TRUE(line.ok()) << line.status();
  ASSERT_EQ(line->jobs.size(), 3u);
  EXPECT_EQ(line->jobs[0].output, "b.npy");
  EXPECT_THAT(line->jobs[0].parameters, ElementsAre(Pair("fn", "sqrt")));
  EXPECT_EQ(line->jobs[1].input, "c=d.npy");
  EXPECT_EQ(line->jobs[1].output, "");
  EXPECT_THAT(line->jobs[1].parameters, ElementsAre(Pair("ns_per_row", "5"), Pair("cost", "a=b")));
  EXPECT_EQ(line->jobs[2].output, "./f=g.npy");
}

TEST(ParseCommandLine, FlagsMayStandAnywhere) {
  const absl::StatusOr<CommandLine> line =
      Parse({"sum", "--chunk=64", "a.npy", "--format", "json", "+", "--progress=never", "sum",
             "b.npy", "--cpu_usage=u.csv", "--report"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->partition, Partition::ChunkSize(64));
  EXPECT_EQ(line->format, OutputFormat::kJson);
  EXPECT_EQ(line->progress, ProgressMode::kNever);
  EXPECT_EQ(line->files.cpu_usage, "u.csv");
  EXPECT_TRUE(line->report);
  ASSERT_EQ(line->jobs.size(), 2u);
  EXPECT_EQ(line->jobs[1].input, "b.npy");
}

TEST(ParseCommandLine, WordsAfterTwoDashesAreNotFlags) {
  const absl::StatusOr<CommandLine> line = Parse({"--chunk=2", "--", "sum", "--odd.npy"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->jobs[0].input, "--odd.npy");
}

TEST(ParseCommandLine, HelpVersionAndListNeedNoJob) {
  EXPECT_EQ(Parse({"--help"})->action, Action::kHelp);
  EXPECT_EQ(Parse({"-h"})->action, Action::kHelp);
  EXPECT_EQ(Parse({"--version"})->action, Action::kVersion);
  EXPECT_EQ(Parse({"--list"})->action, Action::kList);
}

TEST(ParseCommandLine, ResultsGoToAFile) {
  EXPECT_EQ(Parse({"sum", "a.npy"})->files.results, "");
  EXPECT_EQ(Parse({"sum", "a.npy", "--results=r.txt"})->files.results, "r.txt");
  EXPECT_EQ(Parse({"doctor", "--results", "r.txt"})->files.results, "r.txt");
  EXPECT_EQ(Parse({"--results=", "sum", "a.npy"}).status().code(),
            absl::StatusCode::kInvalidArgument);
  // Also with actions that ignore everything else on the command line.
  for (const std::vector<const char*>& words :
       {std::vector<const char*>{"--list", "--results=r.txt"},
        {"--results=r.txt", "--list"},
        {"--list", "--bogus", "sum", "--results=r.txt"}}) {
    const absl::StatusOr<CommandLine> line = Parse(words);
    ASSERT_TRUE(line.ok()) << line.status();
    EXPECT_EQ(line->action, Action::kList);
    EXPECT_EQ(line->files.results, "r.txt");
  }
  EXPECT_EQ(Parse({"--help", "--list"})->action, Action::kHelp);
}

TEST(ParseCommandLine, Binding) {
  EXPECT_TRUE(Parse({"sum", "a.npy"})->binds_ranks);
  EXPECT_TRUE(Parse({"--bind=auto", "sum", "a.npy"})->binds_ranks);
  EXPECT_FALSE(Parse({"--bind=never", "sum", "a.npy"})->binds_ranks);
}

TEST(ParseCommandLine, HugePages) {
  EXPECT_EQ(Parse({"sum", "a.npy"})->huge_pages, HugePages::kAuto);
  EXPECT_EQ(Parse({"--huge_pages=always", "sum", "a.npy"})->huge_pages, HugePages::kAlways);
  EXPECT_EQ(Parse({"--huge_pages=never", "sum", "a.npy"})->huge_pages, HugePages::kNever);
}

TEST(ParseCommandLine, Preflight) {
  EXPECT_TRUE(Parse({"sum", "a.npy"})->preflight);
  EXPECT_TRUE(Parse({"--preflight=auto", "sum", "a.npy"})->preflight);
  EXPECT_FALSE(Parse({"--preflight=never", "sum", "a.npy"})->preflight);
}

TEST(ParseCommandLine, DoctorTakesInputs) {
  EXPECT_EQ(Parse({"sum", "a.npy"})->action, Action::kRun);
  // In second position it is the name of a file.
  EXPECT_EQ(Parse({"sum", "doctor"})->action, Action::kRun);
  const absl::StatusOr<CommandLine> alone = Parse({"doctor"});
  EXPECT_EQ(alone->action, Action::kDoctor);
  EXPECT_TRUE(alone->doctor_inputs.empty());
  const absl::StatusOr<CommandLine> line = Parse({"doctor", "a.npy", "--format=json", "b=c.npy"});
  EXPECT_EQ(line->action, Action::kDoctor);
  EXPECT_EQ(line->format, OutputFormat::kJson);
  EXPECT_EQ(line->doctor_inputs, (std::vector<std::string>{"a.npy", "b=c.npy"}));
  EXPECT_TRUE(line->jobs.empty());
}

TEST(ParseCommandLine, TwiceGivesTheSame) {
  // getopt keeps state between calls.
  for (int i = 0; i < 2; ++i) {
    const absl::StatusOr<CommandLine> line = Parse({"sum", "a.npy", "--report"});
    ASSERT_TRUE(line.ok()) << line.status();
    EXPECT_TRUE(line->report);
    EXPECT_EQ(line->jobs.size(), 1u);
  }
}

TEST(ParseCommandLine, AnUnknownFlagIsNamedAsItWasTyped) {
  const std::vector<std::pair<std::vector<const char*>, std::string>> cases = {
      {{"sum", "-x=1", "a.npy"}, "unknown flag -x=1"},
      {{"-q4", "sum", "a.npy"}, "unknown flag -q4"},
      {{"sum", "a.npy", "-qh"}, "unknown flag -qh"},
      {{"sum", "-qq", "a.npy", "b.npy"}, "unknown flag -qq"},
      {{"sum", "a.npy", "-q"}, "unknown flag -q"},
      // The value of a flag is not the unknown flag.
      {{"--record", "-q", "-qq", "sum", "a.npy"}, "unknown flag -qq"},
      {{"--record", "-q", "sum", "--bogus=-h", "a.npy"}, "unknown flag --bogus=-h"},
      {{"sum", "--bogus=1", "a.npy"}, "unknown flag --bogus=1"},
      {{"sum", "a.npy", "--cunk=1"}, "unknown flag --cunk=1; did you mean --chunk?"},
      {{"sum", "a.npy", "-chunk=1"}, "unknown flag -chunk=1; did you mean --chunk?"},
      {{"sum", "--report=yes", "a.npy"}, "--report=yes: this flag takes no value; write --report"},
      {{"sum", "a.npy", "--journal"}, "flag --journal needs a value"},
      {{"sum", "--re", "a.npy"}, "unknown flag --re"},
  };
  for (const auto& [words, expected] : cases) {
    EXPECT_THAT(std::string(Parse(words).status().message()), ::testing::StartsWith(expected));
  }
}

TEST(ParseCommandLine, FlagsOfMpirunAreRecognized) {
  for (const char* flag : {"-n",
                           "-np",
                           "--np",
                           "--n",
                           "-c",
                           "-N",
                           "-H",
                           "-host",
                           "--host",
                           "--host=a,b",
                           "--hostfile",
                           "-hostfile",
                           "--map-by",
                           "--bind-to",
                           "--mca",
                           "-mca",
                           "-x",
                           "--oversubscribe",
                           "--allow-run-as-root",
                           "--report-bindings",
                           "--prefix",
                           "--timeout"}) {
    for (const std::vector<const char*>& words :
         {std::vector<const char*>{flag, "4", "sum", "a.npy"},
          {"sum", flag, "4", "a.npy"},
          {"sum", "a.npy", flag}}) {
      const absl::Status status = Parse(words).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << flag;
      EXPECT_THAT(std::string(status.message()),
                  ::testing::StartsWith(absl::StrCat("unknown flag ", flag, ": it is mpirun's")));
    }
  }
}

// With POSIXLY_CORRECT, getopt would by default stop at the first word that is not a flag.
TEST(ParseCommandLine, FlagsMayStandAnywhereUnderPosixlyCorrect) {
  ASSERT_EQ(setenv("POSIXLY_CORRECT", "1", 1), 0);
  const absl::StatusOr<CommandLine> line = Parse({"sum", "a.npy", "--report"});
  ASSERT_EQ(unsetenv("POSIXLY_CORRECT"), 0);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_TRUE(line->report);
}

TEST(ParseCommandLine, ErrorsNameTheProblem) {
  const std::vector<std::pair<std::vector<const char*>, std::string>> cases = {
      {{}, "nothing to do"},
      {{"sum"}, "input file is missing"},
      {{"sum", "a.npy", "+"}, "a job is missing"},
      {{"+", "sum", "a.npy"}, "a job is missing"},
      {{"sum", "a.npy", "+", "+", "sum", "b.npy"}, "a job is missing"},
      {{"sum", "a.npy", "b.npy", "c.npy"}, "'c.npy'"},
      {{"sum", "a.npy", "x=1", "b.npy"}, "'b.npy'"},
      {{"sum", "a.npy", "=1", "b.npy"}, "'b.npy'"},
      {{"--bogus", "sum", "a.npy"}, "unknown flag --bogus"},
      {{"sum", "a.npy", "-x"}, "unknown flag -x"},
      {{"sum", "a.npy", "--chunk"}, "--chunk needs a value"},
      {{"--chunk=0", "sum", "a.npy"}, "--chunk=0"},
      {{"--chunk=-5", "sum", "a.npy"}, "--chunk=-5"},
      {{"--chunk=1e3", "sum", "a.npy"}, "--chunk=1e3"},
      {{"--chunk=", "sum", "a.npy"}, "--chunk="},
      {{"--chunk=99999999999999999999", "sum", "a.npy"}, "--chunk="},
      {{"--format=xml", "sum", "a.npy"}, "text|json"},
      {{"--progress=maybe", "sum", "a.npy"}, "auto|always|never"},
      {{"doctor", "a.npy", "+", "sum", "b.npy"}, "doctor takes inputs"},
      {{"--preflight=always", "sum", "a.npy"}, "auto|never"},
      {{"--bind=core", "sum", "a.npy"}, "auto|never"},
      {{"--huge_pages=yes", "sum", "a.npy"}, "auto|always|never"},
      {{"--cpu_usage=", "sum", "a.npy"}, "--cpu_usage"},
  };
  for (const auto& [words, expected] : cases) {
    const absl::Status status = Parse(words).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << expected;
    EXPECT_THAT(std::string(status.message()), HasSubstr(expected));
    EXPECT_EQ(status.message().find('\n'), absl::string_view::npos);
  }
}

}  // namespace
}  // namespace mpaio
