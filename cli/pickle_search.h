// Where in a file pickles are, by content: at its beginning, in members of archives, after NumPy's headers, and wherever else
// bytes reach a name and call it.
#ifndef TENSORGATE_CLI_PICKLE_SEARCH_H_
#define TENSORGATE_CLI_PICKLE_SEARCH_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/options.h"
#include "cli/pickle_listing.h"
#include "cli/pickle_reader.h"
#include "lib/containers/pickle/reach.h"
#include "lib/containers/zip/records.h"

namespace tensorgate::cli {

/// Goes over all bytes once, whatever the file says of itself: members of ZIP and tar archives are found by their own headers,
/// also in archives in archives, where a list is missing, lies or is cut short. Time and reads are linear in the file's size.
class PickleSearch {
 public:
  PickleSearch(Source& source, PickleListing& listing);
  /// What is found goes to the listing, in the order of the file. Throws std::bad_alloc.
  Result<void> Run();

 private:
  // A place where a pickle may well begin: of a file, of a member, of NumPy's data.
  struct Expected {
    enum Kind : std::uint8_t { kFile, kMember, kObjects, kTarHeader } kind;
    std::uint64_t end;  // of what begins here
  };
  struct Member {
    std::string name;  // with those of the archives it is in, escaped
    std::uint64_t end;
    bool open;  // only the next header says where it ends
  };

  Result<void> Fill();
  void SearchUpTo(std::uint64_t limit);
  void SearchWithin(const std::vector<PickleListing::Piece>& pieces);
  void ReadList();
  void Scan(std::uint64_t stop);
  void AtMark();
  void AtExpected(const Expected& expected);
  void ShowFrom(std::uint64_t end);
  bool IsPickle(const Expected& expected, std::uint64_t at) const;
  bool PickleIsNear() const;
  bool IsHidden(std::string_view here);
  void AtZip(std::string_view here);
  void AtZipMember(std::string_view name, const zip::internal::CommonFields& header,
                   std::span<const std::byte> wide, std::size_t length);
  void AtTar(std::uint64_t at);
  void AtNumpy(std::string_view here);
  void Enter(std::string_view name, std::uint64_t end, bool open);
  void Leave();
  void LeaveOpen();
  std::string Label(std::string_view name = {}) const;
  std::span<const std::byte> From(std::uint64_t offset) const;
  std::string_view Here() const;

  Source& source_;
  PickleListing& listing_;
  const std::uint64_t size_;
  Window window_;
  std::vector<bool> passed_;  // of the window's bytes: walks went over them and found nothing
  std::uint64_t at_ = 0, limit_ = 0;  // of what is searched now
  int depth_ = 0;                     // of pickles in pickles
  std::map<std::uint64_t, Expected> expected_;
  std::vector<Member> members_;  // that `at_` is in, the outermost first
  std::map<std::uint64_t, std::uint64_t>
      ends_;                          // of ZIP members by their headers, where a list states them
  bool archive_ = false;              // a ZIP archive: whatever begins like a member is one
  std::optional<std::uint64_t> tar_;  // the last header of a tar archive
  std::optional<Status> failure_;
};

}  // namespace tensorgate::cli

#endif  // TENSORGATE_CLI_PICKLE_SEARCH_H_
