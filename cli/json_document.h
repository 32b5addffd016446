// The one object that a command writes with --format json: reports, what the command found, and an error.
#ifndef TENSORGATE_CLI_JSON_DOCUMENT_H_
#define TENSORGATE_CLI_JSON_DOCUMENT_H_

#include <optional>
#include <string>
#include <string_view>

#include "cli/output.h"
#include "lib/json/writer.h"
#include "tensorgate/render.h"

namespace tensorgate::cli {

class JsonDocument {
 public:
  /// Starts the object.
  explicit JsonDocument(Output& output) : output_(output) { json_.BeginObject(); }
  JsonDocument(const JsonDocument&) = delete;
  JsonDocument& operator=(const JsonDocument&) = delete;

  internal::JsonWriter& json() { return json_; }

  /// A value: the report of a file.
  void AddReport(const std::string& path, const Report& report, const JsonExtras& extras = {});

  /// Writes what was added so far, so that a table of a million rows is not kept in memory. False once writing failed.
  bool Pass();

  /// The member "error", null or an object of rule and message; then the object ends.
  void End(const std::optional<Status>& error = std::nullopt, std::string_view message = {});

 private:
  Output& output_;
  std::string text_;
  internal::JsonWriter json_{text_};
};

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_JSON_DOCUMENT_H_
