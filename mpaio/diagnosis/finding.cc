// SPDX-License-Identifier: Apache-2.0
#include "mpaio/diagnosis/finding.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "mpaio/base/wire.h"

namespace mpaio {
namespace {

constexpr std::array<absl::string_view, 4> kSeverityNames = {"ok", "note", "warning", "refusal"};

// Findings may contain names of files, which may contain line breaks.
std::string OneLine(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"\n", " "}, {"\r", " "}});
}

std::string Padded(absl::string_view text, std::size_t width) {
  std::string padded(text);
  if (padded.size() < width) padded.resize(width, ' ');
  return padded;
}

}  // namespace

absl::string_view SeverityName(Severity severity) {
  return kSeverityNames[static_cast<std::size_t>(severity)];
}

bool HasRefusal(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.severity == Severity::kRefusal; });
}

std::string FormatText(const std::vector<Finding>& findings) {
  std::size_t subject_width = 0, host_width = 0;
  bool several_hosts = false;
  for (const Finding& finding : findings) {
    subject_width = std::max(subject_width, finding.subject.size());
    host_width = std::max(host_width, finding.host.size());
    several_hosts |= finding.host != findings.front().host;
  }
  std::string text;
  for (const Finding& finding : findings) {
    absl::StrAppend(&text, Padded(SeverityName(finding.severity), 9),
                    several_hosts ? Padded(finding.host, host_width + 2) : "",
                    Padded(finding.subject, subject_width + 2), OneLine(finding.text), "\n");
    if (!finding.remedy.empty())
      absl::StrAppend(&text, Padded("", 9), "remedy: ", OneLine(finding.remedy), "\n");
  }
  return text;
}

std::string FormatJson(const std::vector<Finding>& findings) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"severity", std::string(SeverityName(finding.severity))},
                    {"subject", finding.subject},
                    {"host", finding.host},
                    {"text", finding.text},
                    {"remedy", finding.remedy}});
  }
  return list.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string EncodeFindings(const std::vector<Finding>& findings) {
  std::string bytes;
  WireAppend<std::uint64_t>(findings.size(), &bytes);
  for (const Finding& finding : findings) {
    WireAppend<std::uint8_t>(static_cast<std::uint8_t>(finding.severity), &bytes);
    for (const std::string* text :
         {&finding.subject, &finding.text, &finding.remedy, &finding.host})
      WireAppendBytes(*text, &bytes);
  }
  return bytes;
}

absl::StatusOr<std::vector<Finding>> DecodeFindings(absl::string_view bytes) {
  const absl::Status damaged = absl::DataLossError("findings were damaged in transit");
  WireReader reader(bytes);
  std::uint64_t count = 0;
  if (!reader.Read(&count) || count > bytes.size()) return damaged;
  std::vector<Finding> findings(static_cast<std::size_t>(count));
  for (Finding& finding : findings) {
    std::uint8_t severity = 0;
    if (!reader.Read(&severity) || severity >= kSeverityNames.size()) return damaged;
    finding.severity = static_cast<Severity>(severity);
    for (std::string* text : {&finding.subject, &finding.text, &finding.remedy, &finding.host}) {
      absl::string_view part;
      if (!reader.ReadBytes(&part)) return damaged;
      *text = std::string(part);
    }
  }
  if (!reader.at_end()) return damaged;
  return findings;
}

std::string FormatBytes(Index bytes) {
  if (bytes < 1024) return absl::StrCat(bytes, bytes == 1 ? " byte" : " bytes");
  static constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1023.95 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  std::string number = absl::StrFormat("%.1f", value);
  if (number.size() > 2 && number.substr(number.size() - 2) == ".0")
    number.resize(number.size() - 2);
  return absl::StrCat(number, " ", kUnits[unit]);
}

}  // namespace mpaio
