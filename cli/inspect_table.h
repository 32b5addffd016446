// The tensors of one file or of many as one table, for people and as JSON.
#ifndef TENSORGATE_CLI_INSPECT_TABLE_H_
#define TENSORGATE_CLI_INSPECT_TABLE_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/json_document.h"
#include "cli/output.h"
#include "lib/checkpoint/number_stats.h"
#include "lib/json/writer.h"
#include "tensorgate/model_file.h"

namespace tensorgate::cli {

struct Listed {
  const ModelFile* file;
  std::string_view shard;  ///< Its name; "" if it is the only file.
};

/// The table and the totals by type; nothing if there is no tensor.
void WriteTables(Output& output, const std::vector<Listed>& files);

/// The members "tensors" and "totals" of the object that is open. `stats`: of all tensors in this
/// order, or empty.
void WriteTables(JsonDocument& document, const std::vector<Listed>& files,
                 std::span<const internal::NumberStats> stats = {});

/// A table of the tensors' statistics instead, and which tensors have NaN or infinities.
void WriteStats(Output& output, const std::vector<Listed>& files,
                std::span<const internal::NumberStats> stats);

/// What a format says of a file or a tensor, as the parts of one line.
class TextDescriber final : public Describer {
 public:
  void Add(std::string_view, std::uint64_t, std::string_view text) override { Part(text); }
  void Add(std::string_view, bool, std::string_view text) override { Part(text); }
  void Add(std::string_view, std::string_view, std::string_view text) override { Part(text); }
  void AddJson(std::string_view, std::string_view, std::string_view text) override { Part(text); }
  /// Parts with ", " between; "" if there is none.
  const std::string& line() const { return line_; }

 private:
  void Part(std::string_view text);
  std::string line_;
};

/// The same as members of the object that is open.
class JsonDescriber final : public Describer {
 public:
  explicit JsonDescriber(internal::JsonWriter& json) : json_(json) {}
  void Add(std::string_view key, std::uint64_t value, std::string_view) override {
    json_.Member(key, value);
  }
  void Add(std::string_view key, bool value, std::string_view) override {
    json_.Key(key);
    json_.Bool(value);
  }
  void Add(std::string_view key, std::string_view value, std::string_view) override {
    json_.Member(key, value);
  }
  void AddJson(std::string_view key, std::string_view json, std::string_view) override {
    json_.Key(key);
    json_.Raw(json);
  }

 private:
  internal::JsonWriter& json_;
};

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_INSPECT_TABLE_H_
