// The output: whatever a file contains, text stays printable on a terminal, and JSON parses and
// follows its schema.
#include <boost/json.hpp>
#include <string>

#include "fuzz/support.h"
#include "lib/base/utf8.h"
#include "lib/report/writers.h"
#include "tensorgate/render.h"

namespace st = tensorgate::safetensors;
using namespace tensorgate;
using internal::ReportFormat, internal::ReportFormats, internal::ReportTotals;

namespace {

// Valid UTF-8 without characters that a terminal or a log acts on; only our own line ends.
void CheckPrintable(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto point = tensorgate::internal::DecodeUtf8(text.substr(at));
    FUZZ_ASSERT(point.length != 0);
    FUZZ_ASSERT(point.value == '\n' || !tensorgate::internal::IsDeceptive(point.value));
    at += point.length;
  }
}

void CheckObject(std::string_view text) {
  boost::system::error_code error;
  FUZZ_ASSERT(boost::json::parse(text, error).is_object());
  FUZZ_ASSERT(!error);
}

// Renders the same report twice in each form.
void CheckForms(std::string_view path, const Report& report) {
  for (const ReportFormat& format : ReportFormats()) {
    const auto writer = format.make();
    ReportTotals totals;
    std::string out = writer->Begin({.text = {.verbose = true, .width = 80}});
    for (const bool named : {false, true}) {
      const std::string piece = writer->Add(path, report, {.named = named});
      totals.Add(report);
      if (format.name == "jsonl") CheckObject(piece);
      out += piece;
    }
    out += writer->End(totals);
    CheckPrintable(out);
    FUZZ_ASSERT(out.ends_with('\n'));
    if (format.name == "json") CheckObject(out);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::Bytes(data, size);
  // The path is untrusted, too.
  std::string path;
  for (std::size_t i = 0; i < size && i < 80; ++i)
    path.push_back(static_cast<char>(data[size - 1 - i]));
  for (const Profile profile : {Profile::kStrict, Profile::kReference}) {
    CheckOptions options;
    options.profile = profile;
    const Report report = st::CheckBytes(bytes, options);
    for (const Finding& finding : report.findings()) {
      const std::string message = Message(report, finding);
      CheckPrintable(message);
      FUZZ_ASSERT(!message.empty() && message.find('\n') == message.npos);
    }
    CheckForms(path, report);

    const std::string line = RenderJson(path, report);
    CheckPrintable(line);
    FUZZ_ASSERT(line.find('\n') == line.npos);
    boost::system::error_code error;
    const boost::json::value value = boost::json::parse(line, error);
    FUZZ_ASSERT(!error);
    FUZZ_ASSERT(value.at("verdict").as_string() == Name(report.verdict()));
    FUZZ_ASSERT(value.at("findings").as_array().size() == report.findings().size());
    FUZZ_ASSERT(value.at("path").is_null() != value.at("path").is_string());
    if (value.at("path").is_string())
      FUZZ_ASSERT(std::string_view(value.at("path").as_string()) == path);
  }
  return 0;
}
