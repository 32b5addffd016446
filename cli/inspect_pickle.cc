// tensorgate inspect --opcodes and --globals: what a pickle says, opcode by opcode, whether or not it is accepted.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "lib/base/pod_buffer.h"
#include "lib/base/report_builder.h"
#include "lib/pickle/survey.h"
#include "lib/source/drive.h"
#include "lib/torch/globals.h"
#include "lib/zip/reader.h"
#include "tensorgate/render.h"
#include "tensorgate/scan.h"

namespace tensorgate::cli {
namespace {

using pickle::Argument;
using pickle::Event;
using pickle::OpcodeInfo;

constexpr std::size_t kShown = 100;  // bytes of a text

std::string Quoted(std::string_view text) { return "\"" + EscapeForText(text, kShown) + "\""; }

std::string ArgumentText(const OpcodeInfo& opcode, const Event& event) {
  switch (opcode.argument) {
    case Argument::kNone:
      return "";
    case Argument::kUint8:
    case Argument::kUint16:
    case Argument::kUint32:
    case Argument::kFrame:
      return fmt::format(" {}", event.number);
    case Argument::kInt32:
      return fmt::format(" {}", event.Signed());
    case Argument::kFloat64:
      return fmt::format(" {}", event.Float());
    case Argument::kTwoLines:
      return " " + Quoted(event.text) + " " + Quoted(event.name);
    default:
      return fmt::format(
          " {}{}", Quoted(event.text),
          event.text.size() > kShown ? fmt::format(" ({} bytes)", event.text.size()) : "");
  }
}

// What it does to the stack, as "-2 +1"; "-mark" takes all down to the last one.
std::string EffectText(const OpcodeInfo& opcode) {
  std::string text;
  if (opcode.marks == pickle::Marks::kPush) text += "+mark ";
  if (opcode.marks == pickle::Marks::kDown) text += "-mark ";
  if (opcode.pops != 0) text += fmt::format("-{} ", opcode.pops);
  if (opcode.pushes != 0) text += fmt::format("+{} ", opcode.pushes);
  return text;
}

bool IsAllowed(const pickle::NamedGlobal& global) {
  const auto found = torch::FindGlobal(global.module, global.name);
  return global.known && found && !found->alias;
}

class Listing {
 public:
  Listing(Output& output, const Options& options) : output_(output), options_(options) {}

  /// One pickle that begins at `begin`; where the next may begin, or the end of `bytes`.
  std::size_t Show(std::span<const std::byte> bytes, std::size_t begin, std::uint64_t base) {
    pickle::Decoder decoder(bytes, begin);
    pickle::Survey survey;
    for (Event event; !output_.failed() && decoder.Next(event);) {
      const bool names = survey.Add(event);
      const OpcodeInfo& opcode = *pickle::FindOpcode(static_cast<std::uint8_t>(event.op));
      if (options_.opcodes) ShowOpcode(opcode, event, survey, base);
      if (names) ShowGlobal(survey.global(), event, base);
      outside_ |= opcode.use != pickle::Use::kTorch || (names && !IsAllowed(survey.global()));
      if (event.op == pickle::Op::kStop) return event.end;
    }
    if (decoder.error() != pickle::DecodeError::kNone) {
      const RuleInfo& rule = Info(RuleOf(decoder.error()));
      output_.Write(fmt::format("{:>8}  {}: {}\n", base + decoder.offset(), rule.id, rule.summary));
      outside_ = true;
    }
    return bytes.size();
  }

  /// Something is broken, or outside of what a checkpoint may hold.
  bool outside() const { return outside_; }

 private:
  void ShowOpcode(const OpcodeInfo& opcode, const Event& event, const pickle::Survey& survey,
                  std::uint64_t base) {
    std::string line =
        fmt::format("{:>8}  {}{}", base + event.offset, opcode.name, ArgumentText(opcode, event));
    const std::size_t column = std::max<std::size_t>(line.size() + 2, 56);
    line.resize(column, ' ');
    line += fmt::format("{:<10} [{}]", EffectText(opcode), survey.depth());
    if (event.crosses_frame) line += "  crosses its frame's end";
    if (opcode.use != pickle::Use::kTorch)
      line += fmt::format("  {}", Info(RefusedBy(opcode.use)).id);
    output_.Write(line + "\n");
  }

  void ShowGlobal(const pickle::NamedGlobal& global, const Event& event, std::uint64_t base) {
    const bool allowed = IsAllowed(global);
    if (options_.opcodes && (allowed || global.known)) {
      if (!allowed)
        output_.Write(fmt::format("{:>8}    {}\n", "", Info(Rule::kPickleGlobalOutside).id));
      return;
    }
    const std::string name =
        global.known ? EscapeForText(global.module, 256) + "." + EscapeForText(global.name, 256)
                     : "a name that is computed";
    output_.Write(
        fmt::format("{:>8}  {}  {}\n", base + event.offset, allowed ? "allowed" : "outside", name));
  }

  Output& output_;
  const Options& options_;
  bool outside_ = false;
};

struct Piece {
  std::string name;  // of the member; "" for the file itself
  std::uint64_t offset, size;
};

// The members of an archive that are pickles by their name; nothing if it cannot be read as one.
std::vector<Piece> PiecesOf(Source& source, const Options& options,
                            std::optional<Report>& refused) {
  std::array<std::byte, 4> head{};
  const auto known = static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), head.size()));
  if (!ReadFully(source, 0, std::span(head).first(known)) || internal::AsText(head) != "PK\3\4") {
    return {{"", 0, source.size()}};
  }
  ReportBuilder builder(options.check, "zip");
  builder.SetSize(source.size());
  zip::internal::Archive archive;
  zip::internal::Reader reader(builder, archive);
  reader.Begin(source.size());
  if (const Result<void> read = internal::Drive(reader, source); !read) builder.Add(read.error());
  std::vector<Piece> pieces;
  for (const zip::internal::Member& member : archive.members.span()) {
    const std::string_view name = archive.NameOf(member);
    if (reader.usable() && name.ends_with(".pkl") && member.packed_size == member.size) {
      pieces.push_back({EscapeForText(name, 256), member.data_offset, member.size});
    }
  }
  if (pieces.empty()) refused = builder.Finish();
  return pieces;
}

bool ShowPiece(Source& source, const Piece& piece, const Options& options, Output& output,
               Listing& listing) {
  internal::PodBuffer<std::byte> bytes;
  const std::uint64_t most = std::min(options.check.limits.header_bytes, piece.size);
  bytes.Resize(static_cast<std::size_t>(most));
  if (!ReadFully(source, piece.offset, bytes.span())) return false;
  if (!piece.name.empty()) output.Write(fmt::format("{}:\n", piece.name));
  const std::string_view text = internal::AsText(bytes.span());
  std::size_t at = 0;
  // A legacy stream has five, one after the other. What begins with no PROTO behind them is not taken for one.
  do {
    at = listing.Show(bytes.span(), at, piece.offset);
  } while (text.substr(at).starts_with('\x80') && !output.failed());
  if (at < piece.size)
    output.Write(
        fmt::format("{:>8}  {} bytes follow\n", piece.offset + at, GroupDigits(piece.size - at)));
  return true;
}

}  // namespace

int InspectPickle(const Options& options) {
  const std::string& path = options.paths.front();
  Output output(options.output);
  Result<FileSource> source = FileSource::Open(path);
  if (!source) return Refuse(output, path, {ScanFailure(source.error(), options.check)}, {}, options);
  std::optional<Report> refused;
  Listing listing(output, options);
  for (const Piece& piece : PiecesOf(*source, options, refused)) {
    if (!ShowPiece(*source, piece, options, output, listing)) {
      const Status status = {.rule = Rule::kIoReadFailed, .offset = piece.offset};
      return Refuse(output, path, {ScanFailure(status, options.check)}, {}, options);
    }
  }
  if (refused) return Refuse(output, path, {*refused}, {}, options);
  if (!output.Finish()) return kUndecided;
  return listing.outside() ? kRejected : kDone;
}

}  // namespace tensorgate::cli
