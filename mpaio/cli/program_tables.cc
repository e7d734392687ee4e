// SPDX-License-Identifier: Apache-2.0

// Prints the table of flags and the environment variables that are set for Open MPI, as JSON.
// tools/program_page.py makes the tables of docs/program.md from it.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "mpaio/cli/flags.h"
#include "mpaio/launcher/open_mpi.h"

int main() {
  nlohmann::ordered_json flags = nlohmann::ordered_json::array();
  for (const mpaio::FlagInfo& flag : mpaio::Flags()) {
    flags.push_back({{"name", flag.name},
                     {"value", flag.value},
                     {"default", flag.default_value},
                     {"help", flag.help}});
  }
  nlohmann::ordered_json settings = nlohmann::ordered_json::array();
  for (const mpaio::MpiSetting& setting : mpaio::MpiSettings()) {
    settings.push_back({{"name", setting.name},
                        {"value", setting.value},
                        {"when", setting.when == mpaio::MpiSetting::kAlways ? "" : "one node"},
                        {"least_major_version", setting.least_major_version},
                        {"why", setting.why}});
  }
  const nlohmann::ordered_json tables = {{"flags", flags}, {"settings", settings}};
  std::puts(tables.dump(1).c_str());
}
