// SPDX-License-Identifier: Apache-2.0
#include "mpaio/telemetry/report.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "mpaio/telemetry/si_format.h"

namespace mpaio {
namespace {

enum class Align { kLeft, kRight };

struct Column {
  const char* heading;
  Align align;
};

// A table with columns as wide as their widest cell, two spaces apart, without trailing spaces.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {
    std::vector<std::string> headings;
    for (const Column& column : columns_) headings.emplace_back(column.heading);
    AddRow(std::move(headings));
  }

  // Adds a row; if `cells` has fewer cells than the table has columns, the last ones are empty.
  void AddRow(std::vector<std::string> cells) {
    cells.resize(columns_.size());
    rows_.push_back(std::move(cells));
  }

  // Appends the table to `out`, after an empty line if `out` is not empty.
  void AppendTo(std::string* out) const {
    if (!out->empty()) *out += '\n';
    for (const std::vector<std::string>& row : rows_) {
      std::string line;
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        const std::string padding(Width(i) - Columns(row[i]), ' ');
        if (i > 0) line += "  ";
        line += columns_[i].align == Align::kLeft ? row[i] + padding : padding + row[i];
      }
      line.erase(line.find_last_not_of(' ') + 1);
      *out += line + "\n";
    }
  }

 private:
  // Returns the number of characters of a UTF-8 string.
  static std::size_t Columns(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
  }

  std::size_t Width(std::size_t column) const {
    std::size_t width = 0;
    for (const std::vector<std::string>& row : rows_) width = std::max(width, Columns(row[column]));
    return width;
  }

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

std::string Seconds(double seconds) { return absl::StrFormat("%.3f", seconds); }

// Returns `part` of `whole` in percent.
std::string Share(double part, double whole) {
  return whole > 0 ? absl::StrFormat("%.0f %%", 100 * part / whole) : "";
}

std::string RateOf(Index amount, double seconds, absl::string_view unit) {
  return amount > 0 && seconds > 0 ? FormatSi(static_cast<double>(amount) / seconds, unit) : "";
}

void AppendStages(const std::vector<StageTime>& stages, std::string* out) {
  double total_seconds = 0;
  for (const StageTime& stage : stages) total_seconds += stage.seconds;
  Table table({{"stage", Align::kLeft},
               {"seconds", Align::kRight},
               {"share", Align::kRight},
               {"rate", Align::kRight}});
  for (const StageTime& stage : stages) {
    table.AddRow({stage.name, Seconds(stage.seconds), Share(stage.seconds, total_seconds),
                  RateOf(stage.bytes, stage.seconds, "B/s")});
  }
  table.AddRow({"total", Seconds(total_seconds)});
  table.AppendTo(out);
}

void AppendJobs(const std::vector<JobStats>& jobs, const std::vector<std::string>& inputs,
                std::string* out) {
  Table table({{"job", Align::kLeft},
               {"input", Align::kLeft},
               {"rows", Align::kRight},
               {"chunks", Align::kRight},
               {"seconds", Align::kRight},
               {"rate", Align::kRight}});
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const JobStats& job = jobs[j];
    table.AddRow({job.worker, j < inputs.size() ? inputs[j] : "", absl::StrCat(job.rows_done),
                  absl::StrCat(job.chunks_done), Seconds(job.seconds),
                  RateOf(job.rows_done, job.seconds, "rows/s")});
  }
  table.AppendTo(out);
}

void AppendRanks(const std::vector<RankStats>& ranks, std::string* out) {
  Index all_rows = 0;
  for (const RankStats& rank : ranks) all_rows += rank.rows;
  Table table({{"rank", Align::kRight},
               {"node", Align::kLeft},
               {"chunks", Align::kRight},
               {"rows", Align::kRight},
               {"busy s", Align::kRight},
               {"share", Align::kRight}});
  for (const RankStats& rank : ranks) {
    table.AddRow({absl::StrCat(rank.rank),
                  absl::StrCat(rank.node, rank.host.empty() ? "" : " ", rank.host),
                  absl::StrCat(rank.chunks), absl::StrCat(rank.rows), Seconds(rank.busy_seconds),
                  Share(static_cast<double>(rank.rows), static_cast<double>(all_rows))});
  }
  table.AppendTo(out);
}

}  // namespace

std::string FormatReport(const std::vector<StageTime>& stages, const RunStats& run,
                         const std::vector<std::string>& inputs) {
  std::string out;
  AppendStages(stages, &out);
  if (!run.jobs.empty()) AppendJobs(run.jobs, inputs, &out);
  if (!run.ranks.empty()) AppendRanks(run.ranks, &out);
  return out;
}

}  // namespace mpaio
