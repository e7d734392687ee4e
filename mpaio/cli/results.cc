// SPDX-License-Identifier: Apache-2.0
#include "mpaio/cli/results.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mpaio/array/short_decimal.h"
#include "mpaio/jobs/answer_json.h"

namespace mpaio {
namespace {

using Json = nlohmann::ordered_json;

// nlohmann::json writes NaN and infinities as null, which loses information.
Json WithNamedNonFinites(const Json& value) {
  if (value.is_number_float() && !std::isfinite(value.get<double>())) {
    const double number = value.get<double>();
    return std::isnan(number) ? "nan" : number > 0 ? "inf" : "-inf";
  }
  if (!value.is_structured()) return value;
  Json copy = value;
  for (auto& element : copy) element = WithNamedNonFinites(element);
  return copy;
}

// Appends the same text as nlohmann::json, but each number with the fewest digits: nlohmann::json
// writes too many for one number in a thousand. Precondition: all numbers are finite.
void AppendJson(const Json& value, std::string* text) {
  if (value.is_number_float()) {
    *text += PlainDecimal(ShortestScientific(value.get<double>()), /*max_whole_digits=*/15);
  } else if (!value.is_structured()) {
    *text += value.dump(-1, ' ', false, Json::error_handler_t::replace);
  } else {
    *text += value.is_array() ? '[' : '{';
    for (auto element = value.begin(); element != value.end(); ++element) {
      if (element != value.begin()) *text += ',';
      if (value.is_object())
        absl::StrAppend(
            text, Json(element.key()).dump(-1, ' ', false, Json::error_handler_t::replace), ":");
      AppendJson(*element, text);
    }
    *text += value.is_array() ? ']' : '}';
  }
}

std::string JsonText(const Json& value) {
  std::string text;
  AppendJson(value, &text);
  return text;
}

std::string Text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object()) {
    std::string text;
    for (const auto& [key, element] : value.items())
      absl::StrAppend(&text, text.empty() ? "" : ", ", key, " ", Text(element));
    return text;
  }
  return JsonText(value);
}

}  // namespace

std::string FormatJson(const std::vector<JobOutcome>& jobs, int ranks, double seconds,
                       const std::vector<LostRank>& lost_ranks) {
  Json list = Json::array();
  for (const JobOutcome& job : jobs) {
    list.push_back({{"worker", job.worker},
                    {"input", job.input},
                    {"status", job.status.ok() ? "ok" : std::string(job.status.message())},
                    {"result", WithNamedNonFinites(ToJson(job.answer))},
                    {"rows", job.stats.rows},
                    {"chunks", job.stats.chunks},
                    {"seconds", job.stats.seconds}});
    if (job.partial)
      list.back()["partial"] = {{"rows", job.partial->rows},
                                {"result", WithNamedNonFinites(ToJson(job.partial->answer))}};
    for (const QuarantinedChunk& chunk : job.quarantined) {
      list.back()["quarantined"].push_back({{"chunk", chunk.chunk},
                                            {"rows", {chunk.rows.begin, chunk.rows.end}},
                                            {"attempts", chunk.attempts},
                                            {"cause", chunk.cause}});
    }
  }
  Json all = {{"jobs", std::move(list)}, {"ranks", ranks}, {"seconds", seconds}};
  for (const LostRank& lost : lost_ranks)
    all["lost"].push_back({{"rank", lost.rank}, {"cause", lost.cause}});
  return JsonText(all) + "\n";
}

std::string FormatText(const std::vector<JobOutcome>& jobs) {
  std::string text;
  for (const JobOutcome& job : jobs) {
    if (job.partial) {
      absl::StrAppend(&text, job.worker, " ", job.input, " (partial, rows 0 to ",
                      job.partial->rows - 1,
                      "): ", Text(WithNamedNonFinites(ToJson(job.partial->answer))), "\n");
    }
    if (job.status.ok())
      absl::StrAppend(&text, job.worker, " ", job.input, ": ",
                      Text(WithNamedNonFinites(ToJson(job.answer))), "\n");
  }
  return text;
}

}  // namespace mpaio
