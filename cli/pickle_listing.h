// What inspect --opcodes and --globals show of a pickle.
#ifndef TENSORGATE_CLI_PICKLE_LISTING_H_
#define TENSORGATE_CLI_PICKLE_LISTING_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/pickle_reader.h"
#include "lib/base/interrupt.h"
#include "lib/containers/pickle/global_finder.h"

namespace tensorgate::cli {

class PickleListing {
 public:
  /// Ends when `interrupt` does.
  PickleListing(Source& source, Output& output, const Options& options,
                internal::Interrupt& interrupt)
      : window_(source, source.size()), output_(output), options_(options), interrupt_(interrupt) {}

  /// What follows is in this member of an archive; "" for the file itself.
  void Enter(const std::string& member) { member_ = member; }
  /// The pickle that begins at `begin`, up to `end` at most. Throws std::bad_alloc.
  struct Piece {
    std::uint64_t begin, end;
  };
  struct Ended {
    std::uint64_t at;  ///< After its STOP, or where reading or showing ended.
    bool stopped;
  };
  /// Text, bytes and arrays in it that are long enough to hide a pickle go to `pieces`.
  Ended Show(std::uint64_t begin, std::uint64_t end, std::vector<Piece>* pieces = nullptr);
  void ShowRest(std::uint64_t at, std::uint64_t count);
  /// Reports that the current member is not searched, and why; once for each member.
  void NotSearched(std::string_view why);

  bool shown() const { return shown_; }
  /// Of what was shown and not searched: kDone, kRejected if something is broken or outside of what a checkpoint may hold,
  /// kUndecided.
  ExitCode code() const { return code_; }
  const std::optional<Status>& failure() const { return failure_; }
  /// Whether to stop: the output failed or `interrupt` ended.
  bool Done();

 private:
  // How many opcodes are shown, or places searched, between two looks at the deadline.
  static constexpr std::uint32_t kPace = 256;
  struct Pickle;
  void WriteHeading();
  bool ShowNext(Pickle& pickle, PickleReader& reader);
  void ShowEnd(const PickleReader& reader);
  void ShowError(pickle::DecodeError error, std::uint64_t offset);
  void ShowOpcode(const pickle::OpcodeInfo& opcode, const pickle::Event& event,
                  const PickleReader& reader, const Pickle& pickle);
  void ShowRefusedOpcode(const pickle::OpcodeInfo& opcode, Rule rule, std::uint64_t offset);
  void ShowGlobal(const pickle::NamedGlobal& global, std::uint64_t offset);
  bool ShowArray(const pickle::RawArray& array, PickleReader& reader);
  void AddPiece(std::uint64_t begin, std::uint64_t end);
  std::string_view Keep(std::string_view text);

  Window window_;
  Output& output_;
  const Options& options_;
  internal::Interrupt& interrupt_;
  internal::Pace pace_{kPace};
  std::string member_;
  std::optional<std::string> heading_;  // the last that was written
  bool shown_ = false;
  ExitCode code_ = kDone;
  std::optional<Status> failure_;
  std::set<std::size_t> not_searched_;  // hashes of what was said
  // Of the pickle at hand.
  std::vector<Piece>* pieces_ = nullptr;
  std::set<Rule> refused_;
  std::deque<std::string> texts_;
  std::size_t text_bytes_ = 0;
  std::uint64_t operations_ = 0;
};

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_PICKLE_LISTING_H_
