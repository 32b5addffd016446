// A folder for one test, which is removed with this object.
#ifndef TENSORGATE_TESTS_LIB_TEMP_FOLDER_H_
#define TENSORGATE_TESTS_LIB_TEMP_FOLDER_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

namespace tensorgate::testing {

class TempFolder {
 public:
  TempFolder() {
    std::string name = std::filesystem::temp_directory_path() / "tensorgate-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) {
      throw std::filesystem::filesystem_error("mkdtemp", name,
                                              std::error_code(errno, std::generic_category()));
    }
    path_ = name;
  }
  ~TempFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
    EXPECT_FALSE(error) << path_;
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class FolderTest : public ::testing::Test {
 private:
  TempFolder temp_;

 protected:
  std::string Write(const std::string& name, std::string_view content) {
    const std::string path = folder_ / name;
    std::ofstream(path, std::ios::binary)
        .write(content.data(), static_cast<std::streamsize>(content.size()));
    return path;
  }

  const std::filesystem::path folder_ = temp_.path();
};

}  // namespace tensorgate::testing

#endif  // TENSORGATE_TESTS_LIB_TEMP_FOLDER_H_
