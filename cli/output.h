// Where the command writes: standard output, or a file that appears whole or not at all.
#ifndef TENSORGATE_CLI_OUTPUT_H_
#define TENSORGATE_CLI_OUTPUT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/options.h"
#include "lib/source/new_file.h"
#include "tensorgate/render.h"
#include "tensorgate/walk.h"

namespace tensorgate::cli {

/// --color, NO_COLOR and whether `descriptor` is a terminal decide.
bool UsesColor(const Options& options, int descriptor);

class Output {
 public:
  /// "": standard output. After a failure Write is a no-op and Finish reports it.
  explicit Output(const std::string& path);
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  /// Leaves nothing of a file that was not finished.
  ~Output();

  void Write(std::string_view text);
  /// Passes everything written so far to the system.
  void Flush();
  bool failed() const { return error_ != 0; }
  /// A person is waiting for each line.
  bool IsTerminal() const;
  /// Columns of the terminal; 0 if it is not one.
  unsigned Width() const;
  /// How reports are written to it for people: colors and wrapped lines only on a terminal, unless asked for.
  TextOptions Text(const Options& options) const;
  /// The unfinished file, which no scan should visit.
  FileIdentity identity() const;
  /// Puts the file in place. False, with a message on standard error, if not all could be written.
  bool Finish();

 private:
  void Open();
  void Fail(const Status& status);
  std::string path_;
  std::string buffer_;
  int descriptor_ = -1;  // of what is written in place
  std::optional<internal::NewFileFolder> folder_;
  std::optional<internal::NewFile> file_;
  std::uint64_t written_ = 0;
  int error_ = 0;
};

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_OUTPUT_H_
