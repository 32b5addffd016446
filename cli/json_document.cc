#include "cli/json_document.h"

namespace tensorgate::cli {

void JsonDocument::AddReport(const std::string& path, const Report& report,
                             const JsonExtras& extras) {
  json_.Raw(RenderJson(path, report, extras));
}

bool JsonDocument::Pass() {
  output_.Write(text_);
  text_.clear();
  return !output_.failed();
}

void JsonDocument::End(const std::optional<Status>& error, std::string_view message) {
  json_.Key("error");
  if (error) {
    json_.BeginObject();
    json_.Member("rule", Info(error->rule).id);
    json_.Member("message", message.empty() ? Message(*error) : message);
    json_.EndObject();
  } else {
    json_.Null();
  }
  json_.EndObject();
  text_ += '\n';
  Pass();
}

}  // namespace tensorgate::cli
