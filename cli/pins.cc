// tensorgate hash --pin and --check: lists of approved digests, and files that are compared with
// them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/input.h"
#include "cli/json_document.h"
#include "cli/output.h"
#include "cli/pin_list.h"
#include "cli/table.h"
#include "lib/base/bytes.h"
#include "lib/source/store.h"
#include "tensorgate/digest.h"
#include "tensorgate/render.h"
#include "tensorgate/safetensors.h"
#include "tensorgate/scan.h"

namespace tensorgate::cli {
namespace {

// Of a safetensors file: its first 8 + n bytes, from the memory that was checked.
std::string HeaderDigestOf(const Checkpoint& checkpoint) {
  if (checkpoint.part_count() != 1 || !checkpoint.report().shards().empty()) return {};
  const auto* file = checkpoint.part(0).file->As<safetensors::File>();
  if (file == nullptr) return {};
  std::array<std::byte, 8> length;
  internal::StoreLittleEndian64(file->header_bytes().size(), length);
  std::string bytes(internal::AsText(length));
  bytes += internal::AsText(file->header_bytes());
  return Sha256Hex(internal::AsBytes(bytes));
}

struct Contents {
  std::string header, content;
  std::vector<std::string> lines;  // of the tensors, as hash prints them
};

std::expected<Contents, Refusal> ContentsOf(const std::string& path, const Options& options) {
  auto input = OpenInput(path, options);
  if (!input) return std::unexpected(std::move(input.error()));
  const std::vector<TensorData>& tensors = (*input)->contents.tensors;
  Result<ContentHash> hash = HashContent(tensors);
  if (hash) {
    const Result<void> unchanged = (*input)->CheckUnchanged();
    if (!unchanged) hash = std::unexpected(unchanged.error());
  }
  if (!hash) return std::unexpected(ReadFailed(**input, hash.error(), options));
  Contents contents{HeaderDigestOf(*(*input)->checkpoint), hash->content, {}};
  for (const std::uint32_t i : SortedByName(tensors)) {
    contents.lines.push_back(HashLine(tensors[i], hash->tensors[i]));
  }
  return contents;
}

// ---- hash --pin

int WritePins(const Options& options) {
  Output output(options.output);
  ExitCode code = kDone;
  std::vector<Pin> pins;
  std::vector<std::pair<std::string, Refusal>> refused;
  for (const std::string& path : options.paths) {
    std::expected<Contents, Refusal> contents = ContentsOf(path, options);
    if (contents) {
      pins.push_back({path, "", contents->header, contents->content});
      if (options.format != Format::kJson) output.Write(PinLine(pins.back()) + "\n");
    } else {
      code = Worse(code, CodeOf(contents.error()));
      refused.emplace_back(path, std::move(contents.error()));
    }
  }
  if (options.format != Format::kJson) {
    // Not between the lines, which are read by programs.
    output.Flush();
    for (const auto& [path, why] : refused) {
      std::fputs(RenderText(path, why.report).c_str(), stderr);
      if (why.error) AddError(path, *why.error, why.message);
    }
    return output.Finish() ? code : kUndecided;
  }
  JsonDocument document(output);
  internal::JsonWriter& json = document.json();
  json.Key("reports");
  json.BeginArray();
  for (const auto& [path, why] : refused) document.AddReport(path, why.report);
  json.EndArray();
  json.Key("pins");
  json.BeginArray();
  for (const Pin& pin : pins) {
    json.BeginObject();
    json.PathMembers("path", pin.path);
    json.MemberOrNull("header_sha256", pin.header);
    json.Member("content_sha256", pin.content);
    json.EndObject();
  }
  json.EndArray();
  document.End();
  return output.Finish() ? code : kUndecided;
}

// ---- hash --check

enum class Match : std::uint8_t { kMatch, kMismatch, kUnreadable };

constexpr std::array<std::string_view, 3> kMatchNames = {"match", "mismatch", "unreadable"};
constexpr std::array<std::string_view, 3> kMatchTexts = {"OK", "FAILED", "FAILED open or read"};

struct Compared {
  std::string path;
  Match match = Match::kMismatch;
  std::string why;                   // for people; "": it matches
  std::vector<std::string> tensors;  // that differ, each in words
};

// One file, whose digests are computed when a pin asks for them.
class Measured {
 public:
  Measured(const std::string& path, const Options& options) : path_(path), options_(options) {}

  Match Compare(const Pin& pin) {
    if (!pin.file.empty()) return CompareFile(pin.file);
    if (!contents_) contents_.emplace(ContentsOf(path_, options_));
    if (!*contents_) {
      const Refusal& refusal = contents_->error();
      why_ = Message(refusal.report);
      if (refusal.error) why_ = refusal.message.empty() ? Message(*refusal.error) : refusal.message;
      return CodeOf(refusal) == kUndecided ? Match::kUnreadable : Match::kMismatch;
    }
    const Contents& contents = **contents_;
    if (contents.content != pin.content) {
      why_ = "the SHA-256 of its contents is " + contents.content;
      return Match::kMismatch;
    }
    if (!pin.header.empty() && contents.header != pin.header) {
      why_ = "same tensors, but the SHA-256 of its header is " +
             (contents.header.empty() ? "missing: another format" : contents.header);
      return Match::kMismatch;
    }
    return Match::kMatch;
  }

  const std::string& why() const { return why_; }
  const Contents* contents() const { return contents_ && *contents_ ? &**contents_ : nullptr; }

 private:
  Match CompareFile(const std::string& digest) {
    if (!file_) {
      file_.emplace();
      const Result<std::unique_ptr<Source>> source = internal::OpenPath(path_);
      *file_ = source ? HashSource(**source) : std::unexpected(source.error());
    }
    if (!*file_) {
      why_ = Message(ScanFailure(file_->error(), options_.check));
      return Match::kUnreadable;
    }
    if (**file_ == digest) return Match::kMatch;
    why_ = "its SHA-256 is " + **file_;
    return Match::kMismatch;
  }

  const std::string& path_;
  const Options& options_;
  std::optional<Result<std::string>> file_;
  std::optional<std::expected<Contents, Refusal>> contents_;
  std::string why_;
};

// The tensors that are not as on the list.
std::vector<std::string> Differences(const PinList& list, const Contents& contents) {
  std::vector<std::string> differences;
  std::map<std::string, std::string> left = list.tensors;
  for (const std::string& line : contents.lines) {
    const std::string name = line.substr(line.find('"'));
    const auto approved = left.find(name);
    if (approved == left.end()) {
      differences.push_back(name + " is not on the list");
      continue;
    }
    if (approved->second != line) differences.push_back(name + " differs");
    left.erase(approved);
  }
  for (const auto& [name, line] : left) differences.push_back(name + " is missing");
  return differences;
}

// Whether a file is one of those that the list approves, whatever their names.
Compared CompareWithAll(const std::string& path, const PinList& list, const Options& options) {
  Measured measured(path, options);
  Compared compared{path, Match::kMismatch, {}, {}};
  for (const Pin& pin : list.pins) {
    compared.match = measured.Compare(pin);
    if (compared.match != Match::kMismatch) break;
  }
  if (compared.match != Match::kMatch) compared.why = measured.why();
  if (compared.match == Match::kMismatch && !list.tensors.empty() && measured.contents()) {
    compared.tensors = Differences(list, *measured.contents());
  }
  return compared;
}

std::vector<Compared> CompareAll(const PinList& list, const Options& options) {
  std::vector<Compared> all;
  for (const std::string& path : options.paths) {
    all.push_back(CompareWithAll(path, list, options));
  }
  if (!options.paths.empty()) return all;
  for (const Pin& pin : list.pins) {
    Measured measured(pin.path, options);
    const Match match = measured.Compare(pin);
    all.push_back({pin.path, match, match == Match::kMatch ? "" : measured.why(), {}});
  }
  return all;
}

void WriteText(Output& output, const std::vector<Compared>& all) {
  constexpr std::size_t kShown = 20;
  std::size_t failed = 0;
  for (const Compared& each : all) {
    failed += each.match == Match::kMatch ? 0 : 1;
    output.Write(fmt::format("{}: {}{}{}\n", EscapeForText(each.path),
                             kMatchTexts.at(static_cast<std::size_t>(each.match)),
                             each.why.empty() ? "" : ": ", each.why));
    for (std::size_t i = 0; i < std::min(each.tensors.size(), kShown); ++i) {
      output.Write("    tensor " + each.tensors[i] + "\n");
    }
    if (each.tensors.size() > kShown) {
      output.Write(fmt::format("    and {} more\n", GroupDigits(each.tensors.size() - kShown)));
    }
  }
  output.Write(failed == 0 ? fmt::format("{} as approved\n", Counted(all.size(), "file", "files"))
                           : fmt::format("{} of {} not as approved\n", GroupDigits(failed),
                                         Counted(all.size(), "file", "files")));
}

void WriteJson(Output& output, const std::vector<Compared>& all) {
  JsonDocument document(output);
  internal::JsonWriter& json = document.json();
  json.Key("files");
  json.BeginArray();
  for (const Compared& each : all) {
    json.BeginObject();
    json.PathMembers("path", each.path);
    json.Member("result", kMatchNames.at(static_cast<std::size_t>(each.match)));
    json.MemberOrNull("why", each.why);
    json.Key("tensors");
    json.BeginArray();
    for (const std::string& tensor : each.tensors) json.String(tensor);
    json.EndArray();
    json.EndObject();
    document.Pass();
  }
  json.EndArray();
  document.End();
}

int BadList(const std::string& path, std::size_t line, const std::string& reason) {
  std::fputs(fmt::format("tensorgate: --check: {}{}: {}\n", EscapeForText(path),
                         line == 0 ? "" : fmt::format(":{}", line), reason)
                 .c_str(),
             stderr);
  return kUsage;
}

std::optional<std::string> ReadList(const std::string& path) {
  constexpr std::uint64_t kMax = 256 << 20;
  const Result<std::unique_ptr<Source>> source = internal::OpenPath(path);
  if (!source || (*source)->size() > kMax) return std::nullopt;
  std::string text(static_cast<std::size_t>((*source)->size()), '\0');
  if (!ReadFully(**source, 0, std::as_writable_bytes(std::span(text)))) return std::nullopt;
  return text;
}

int CheckPins(const Options& options) {
  const std::optional<std::string> text = ReadList(options.check_list);
  if (!text) return BadList(options.check_list, 0, "not a readable file of at most 256 MiB");
  const std::expected<PinList, PinListError> list = ParsePins(*text);
  if (!list) return BadList(options.check_list, list.error().line, list.error().reason);
  if (options.paths.empty() && list->pins.front().path.empty()) {
    return BadList(options.check_list, 0, "it names no file; name the one that it is about");
  }
  Output output(options.output);
  const std::vector<Compared> all = CompareAll(*list, options);
  ExitCode code = kDone;
  for (const Compared& each : all) {
    constexpr std::array kCodes = {kDone, kRejected, kUndecided};
    code = Worse(code, kCodes.at(static_cast<std::size_t>(each.match)));
  }
  options.format == Format::kJson ? WriteJson(output, all) : WriteText(output, all);
  return output.Finish() ? code : kUndecided;
}

}  // namespace

int RunPins(const Options& options) {
  return options.pin ? WritePins(options) : CheckPins(options);
}

}  // namespace tensorgate::cli
