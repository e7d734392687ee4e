// SPDX-License-Identifier: Apache-2.0

// Prints the table of flags and the settings that are made for Open MPI, as JSON. docs/program.md
// is made from it by tools/program_page.py.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "mpaio/cli/flags.h"
#include "mpaio/mpi/environment.h"

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
