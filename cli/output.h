// Where the command writes: standard output, or a file that appears whole or not at all.
#ifndef TENSORGATE_CLI_OUTPUT_H_
#define TENSORGATE_CLI_OUTPUT_H_

#include <string>
#include <string_view>

#include "lib/source/walk.h"

namespace tensorgate::cli {

class Output {
 public:
  /// "": standard output. After a failure Write does nothing and Finish tells it.
  explicit Output(const std::string& path);
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  /// Not finished: nothing of the file is left.
  ~Output();

  void Write(std::string_view text);
  /// What was written has left this process.
  void Flush();
  bool failed() const { return error_ != 0; }
  /// A person is waiting for each line.
  bool IsTerminal() const;
  /// Columns of the terminal; 0 if it is none.
  unsigned Width() const;
  /// The unfinished file, which no scan should visit.
  internal::FileIdentity identity() const;
  /// Puts the file in place. False, with a message on standard error, if not all could be written.
  bool Finish();

 private:
  void Open();
  std::string path_;
  std::string temporary_;  // "": written in place
  std::string buffer_;
  int descriptor_ = -1;
  int error_ = 0;
};

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_OUTPUT_H_
