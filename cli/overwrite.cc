#include "cli/overwrite.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "lib/formats/registry.h"
#include "lib/source/new_file.h"
#include "tensorgate/render.h"
#include "tensorgate/save.h"
#include "tensorgate/shards.h"
#include "tensorgate/walk.h"

namespace tensorgate::cli {
namespace {

namespace fs = std::filesystem;

// Of the regular file at this path, after following links. Anything else cannot be replaced.
std::optional<FileIdentity> IdentityOf(const std::string& path) {
  struct stat status;
  const int failed = path == "-" ? ::fstat(STDIN_FILENO, &status) : ::stat(path.c_str(), &status);
  if (failed != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return FileIdentity{static_cast<std::uint64_t>(status.st_dev),
                      static_cast<std::uint64_t>(status.st_ino)};
}

bool IsFolder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// The path with all links resolved, whether or not the file exists; "" if its folder does not exist.
fs::path RealPath(const fs::path& path) {
  std::error_code error;
  fs::path real = fs::canonical(path, error);
  if (!error) return real;
  error.clear();
  const fs::path parent = path.parent_path();
  real = fs::canonical(parent.empty() ? fs::path(".") : parent, error);
  return error ? fs::path() : real / path.filename();
}

bool IsInside(const fs::path& path, const fs::path& folder) {
  if (path.empty() || folder.empty()) return false;
  return std::ranges::mismatch(folder, path).in1 == folder.end();
}

bool Say(std::string_view option, const std::string& path, std::string_view why) {
  std::fputs(fmt::format("tensorgate: {}: {} {}\n", option, EscapeForText(path), why).c_str(),
             stderr);
  return true;
}

constexpr std::string_view kIsRead = "is read by this command; name another file";

bool IsOneOf(const std::string& path, std::span<const std::string> read) {
  const std::optional<FileIdentity> identity = IdentityOf(path);
  return identity && std::ranges::any_of(read, [&](const std::string& each) {
           return IdentityOf(each) == identity;
         });
}

// The files that are read, as far as the command line names them.
std::vector<std::string> Inputs(const Options& options) {
  std::vector<std::string> inputs = options.paths;
  if (options.command == Options::Command::kConvert) {
    inputs.pop_back();
    inputs.push_back(inputs.front() + "/pytorch_model.bin");  // of a folder
  }
  if (!options.check_list.empty()) inputs.push_back(options.check_list);
  if (!options.trust_path.empty()) inputs.push_back(options.trust_path);
  return inputs;
}

// A folder stands for the index and shards in it.
bool IsInCheckpoint(const std::string& output, const std::string& input) {
  if (!IdentityOf(output)) return false;
  const bool index = IsNamedIndex(input);
  if (!index && !IsFolder(input)) return false;
  const fs::path folder = index ? RealPath(input).parent_path() : RealPath(input);
  return IsInside(RealPath(output), folder) &&
         (IsNamedIndex(output) || internal::IsNamedAsModel(output));
}

bool OutputOverwrites(const Options& options, const std::vector<std::string>& inputs,
                      const std::string& target) {
  constexpr std::string_view kOption = "--output";
  const std::string& output = options.output;
  if (IsOneOf(output, inputs)) return Say(kOption, output, kIsRead);
  if (!target.empty() && RealPath(output) == RealPath(target)) {
    return Say(kOption, output, "is what this command writes; name another file");
  }
  std::error_code ignored;
  if (fs::exists(output, ignored) && !IdentityOf(output)) return false;  // a device, a FIFO
  for (const std::string& input : inputs) {
    if (options.command != Options::Command::kScan) {
      if (IsInCheckpoint(output, input)) return Say(kOption, output, kIsRead);
    } else if (IsFolder(input) && IsInside(RealPath(output), RealPath(input))) {
      return Say(kOption, output, "is in a folder that is scanned; name a file outside of it");
    }
  }
  return false;
}

}  // namespace

bool Overwrites(const Options& options) {
  if (options.command == Options::Command::kRules) return false;
  const bool converts = options.command == Options::Command::kConvert;
  const std::string& target = converts ? options.paths.back() : options.target;
  const std::vector<std::string> inputs = Inputs(options);
  if (!options.output.empty() && OutputOverwrites(options, inputs, target)) return true;
  if (target.empty()) return false;
  std::vector<std::string> written = {target};
  if (IsFolder(target)) {
    written = {target + "/model.safetensors"};
    const bool keeps_name = !converts && options.command != Options::Command::kSplit;
    if (keeps_name) written.push_back(target + "/" + internal::FileNameOf(inputs.front()));
  }
  return Overwrites(inputs, written);
}

bool Overwrites(std::span<const std::string> read, std::span<const std::string> written) {
  const auto found =
      std::ranges::find_if(written, [&](const std::string& each) { return IsOneOf(each, read); });
  return found != written.end() && Say("OUT", *found, kIsRead);
}

bool Removes(std::span<const std::string> read, const std::string& target) {
  if (!ShardNames::Fits(target)) return false;
  const fs::path real = RealPath(target);
  const ShardNames names(internal::FileNameOf(target));
  for (const std::string& each : read) {
    const fs::path input = RealPath(each);
    const std::string name = input.filename();
    if (input.parent_path() != real.parent_path()) continue;
    if (name == names.Index() || names.IsShard(name)) return Say("OUT", input, kIsRead);
  }
  return false;
}

}  // namespace tensorgate::cli
