#include "base/mapped_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>

#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace pent {
namespace {

constexpr size_t kPages = 4;

size_t page_size() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

void write_pages(const std::filesystem::path& path) {
  write_file_atomically(path, std::string(kPages * page_size(), 'x'));
}

int sum_of(std::span<const std::byte> bytes) {
  int sum = 0;
  for (const std::byte byte : bytes) sum += std::to_integer<int>(byte);
  return sum;
}

int files_in(const TempDir& dir) {
  return static_cast<int>(std::distance(std::filesystem::directory_iterator(dir.path()), {}));
}

TEST(MappedFile, ShowsTheBytesOfTheFile) {
  const TempDir dir;
  write_file_atomically(dir / "a", "hello");
  MappedFile file = MappedFile::open(dir / "a");
  ASSERT_EQ(file.bytes().size(), 5u);
  EXPECT_EQ(std::memcmp(file.bytes().data(), "hello", 5), 0);
  const MappedFile moved = std::move(file);
  EXPECT_EQ(moved.bytes().size(), 5u);
  EXPECT_EQ(moved.path(), dir / "a");
  EXPECT_NO_THROW(moved.check_intact());
}

TEST(MappedFile, AnEmptyFileHasNoBytes) {
  const TempDir dir;
  write_file_atomically(dir / "a", "");
  EXPECT_TRUE(MappedFile::open(dir / "a").bytes().empty());
}

TEST(MappedFile, WhatIsNoFileIsRefusedByName) {
  const TempDir dir;
  EXPECT_ERROR(MappedFile::open(dir / "absent"), kNotFound, "absent");
  EXPECT_ERROR(MappedFile::open(dir.path()), kIo, dir.path().string(), "a directory");
  ASSERT_EQ(mkfifo((dir / "pipe").c_str(), 0600), 0);
  EXPECT_ERROR(MappedFile::open(dir / "pipe"), kIo, "pipe");
}

TEST(MappedFile, AFileCutShortWhileMappedReadsAsZeroesAndIsReported) {
  const TempDir dir;
  write_pages(dir / "a");
  const MappedFile file = MappedFile::open(dir / "a");
  EXPECT_NO_THROW(file.check_intact());
  std::filesystem::resize_file(dir / "a", page_size());
  EXPECT_EQ(sum_of(file.bytes().first(page_size())), 'x' * static_cast<int>(page_size()));
  EXPECT_EQ(sum_of(file.bytes().subspan(page_size())), 0);
  EXPECT_ERROR(file.check_intact(), kIo, (dir / "a").string(), "cut short");
}

TEST(MappedFile, TheLossIsRememberedWhenTheFileGrowsBack) {
  const TempDir dir;
  write_pages(dir / "a");
  const MappedFile file = MappedFile::open(dir / "a");
  std::filesystem::resize_file(dir / "a", 0);
  EXPECT_EQ(sum_of(file.bytes()), 0);
  std::filesystem::resize_file(dir / "a", kPages * page_size());
  EXPECT_ERROR(file.check_intact(), kIo, "cut short");
}

TEST(MappedFile, ACutInsideTheLastPageIsReported) {
  const TempDir dir;
  write_pages(dir / "a");
  const MappedFile file = MappedFile::open(dir / "a");
  std::filesystem::resize_file(dir / "a", kPages * page_size() - 1);
  EXPECT_ERROR(file.check_intact(), kIo, "cut short");
}

TEST(MappedFile, OtherMappingsAreNotTouchedByALoss) {
  const TempDir dir;
  write_pages(dir / "a");
  write_pages(dir / "b");
  const MappedFile a = MappedFile::open(dir / "a"), b = MappedFile::open(dir / "b");
  std::filesystem::resize_file(dir / "a", 0);
  EXPECT_EQ(sum_of(a.bytes()), 0);
  EXPECT_GT(sum_of(b.bytes()), 0);
  EXPECT_NO_THROW(b.check_intact());
}

TEST(MappedFileDeathTest, AFaultThatIsNotOursStillKills) {
  const TempDir dir;
  write_pages(dir / "a");
  const auto touch_a_lost_page_of_another_mapping = [&] {
    const MappedFile ours = MappedFile::open(dir / "a");  // installs the handler
    std::ofstream(dir / "b") << std::string(page_size(), 'x');
    const int fd = open((dir / "b").c_str(), O_RDONLY);
    const auto* theirs = static_cast<const volatile char*>(mmap(nullptr, page_size(), PROT_READ, MAP_SHARED, fd, 0));
    std::filesystem::resize_file(dir / "b", 0);
    if (theirs[0] == 'x') std::_Exit(0);
    std::_Exit(0);
  };
  EXPECT_DEATH(touch_a_lost_page_of_another_mapping(), "");
}

TEST(ReadFile, KeepsToItsLimit) {
  const TempDir dir;
  write_file_atomically(dir / "a", std::string(200'000, 'x'));
  EXPECT_EQ(read_file(dir / "a").size(), 200'000u);
  EXPECT_EQ(read_file(dir / "a", 200'000).size(), 200'000u);
  EXPECT_ERROR(read_file(dir / "a", 199'999), kResourceExhausted, "199999");
  EXPECT_ERROR(read_file(dir / "absent"), kNotFound, "absent");
  EXPECT_ERROR(read_file(dir.path()), kIo, dir.path().string());
  EXPECT_ERROR(read_file("/dev/zero", 1 << 20), kResourceExhausted, "/dev/zero");
}

TEST(WriteFileAtomically, ReplacesTheWholeFileAndLeavesNothingElse) {
  const TempDir dir;
  write_file_atomically(dir / "a", "old");
  write_file_atomically(dir / "a", [](const ByteSink& sink) {
    for (int i = 0; i < 100'000; ++i) sink("0123456789", 10);
  });
  EXPECT_EQ(read_file(dir / "a").size(), 1'000'000u);
  EXPECT_EQ(read_file(dir / "a").substr(999'995), "56789");
  EXPECT_EQ(files_in(dir), 1);
}

TEST(WriteFileAtomically, AWriterThatThrowsLeavesTheOldFile) {
  const TempDir dir;
  write_file_atomically(dir / "a", "old");
  const auto fail_midway = [](const ByteSink& sink) {
    sink("half", 4);
    throw error(ErrorKind::kCancelled, "stopped");
  };
  EXPECT_ERROR(write_file_atomically(dir / "a", fail_midway), kCancelled, "stopped");
  EXPECT_EQ(read_file(dir / "a"), "old");
  EXPECT_EQ(files_in(dir), 1);
}

TEST(WriteFileAtomically, SaysWhatPreventedIt) {
  const TempDir dir;
  EXPECT_ERROR(write_file_atomically(dir / "no" / "a", "x"), kNotFound, "no/a", "folder does not exist");
  std::filesystem::create_directory(dir / "d");
  EXPECT_ERROR(write_file_atomically(dir / "d", "x"), kIo, (dir / "d").string());
  EXPECT_EQ(files_in(dir), 1);
}

void expect_old_file_survives(const TempDir& dir) {
  write_file_atomically(dir / "a", "old");
  EXPECT_ERROR(write_file_atomically(dir / "a", std::string(1 << 20, 'x')), kResourceExhausted, (dir / "a").string(),
               "disk full");
  EXPECT_EQ(read_file(dir / "a"), "old");
  EXPECT_EQ(files_in(dir), 1);
}

TEST(WriteFileAtomically, ReachingTheFileSizeLimitLeavesTheOldFile) {
  const TempDir dir;
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto previous_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 65536, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_old_file_survives(dir);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, previous_handler);
}

// A file system of 64 KiB in a mount namespace of a child's own, where the system lets us make one.
TEST(WriteFileAtomically, AFullDiskLeavesTheOldFile) {
  constexpr int kCannotMount = 77;
  const TempDir dir;
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", dir.path().c_str(), "tmpfs", 0, "size=64k") != 0) {
      std::_Exit(kCannotMount);
    }
    expect_old_file_survives(dir);
    std::_Exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kCannotMount) GTEST_SKIP() << "this user may not mount a file system";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace pent
