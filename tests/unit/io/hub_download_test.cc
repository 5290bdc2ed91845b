#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <numeric>

#include "base/mapped_file.h"
#include "io/hub/download.h"
#include "support/expect_error.h"
#include "support/hub_server.h"
#include "support/temp_dir.h"

namespace pent {
namespace {

namespace fs = std::filesystem;

std::string bytes(size_t size, unsigned seed = 1) {
  std::string content(size, '\0');
  for (char& c : content) c = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
  return content;
}

class HubDownload : public testing::Test {
 protected:
  HubDownload() {
    setenv("HF_HUB_CACHE", (home_ / "hub").c_str(), 1);
    setenv("HF_HOME", home_.path().c_str(), 1);
    setenv("no_proxy", "127.0.0.1", 1);
    unsetenv("HF_TOKEN");
    unsetenv("HF_ENDPOINT");
    options_.backoff_s = 0.01;
    manners_.files["config.json"] = {"{\"a\": 1}", false};
    manners_.files["model.safetensors"] = {bytes(100000), true};
  }
  ~HubDownload() override {
    for (const char* name : {"HF_HUB_CACHE", "HF_HOME", "no_proxy", "HF_TOKEN", "HF_ENDPOINT"}) unsetenv(name);
  }

  void start() {
    server_ = std::make_unique<HubServer>(manners_);
    options_.endpoint = server_->endpoint();
  }

  // Starts the server unless it runs, and fetches everything it lists.
  void fetch(int parallel = 2) {
    if (!server_) start();
    HubClient client(options_);
    const std::string commit = client.commit(reference_);
    const std::vector<HubFile> files = client.list(reference_, commit);
    fetch_hub_files(options_, reference_, commit, files, parallel, [](size_t, uint64_t) {});
    write_hub_ref(reference_, commit);
  }

  fs::path cached(const std::string& file) const {
    return hub_model_folder(reference_) / "snapshots" / manners_.commit / file;
  }
  fs::path incomplete(const std::string& path) const {
    const HubServer::File& file = manners_.files.at(path);
    const HubFile described{.path = path, .size = file.content.size(), .large = file.large};
    return hub_model_folder(reference_) / "blobs" / (hub_hash(described, file.content) + ".incomplete");
  }
  void leave_incomplete(const std::string& path, const std::string& content) const {
    fs::create_directories(incomplete(path).parent_path());
    write_file_atomically(incomplete(path), content);
  }
  void expect_whole() const {
    for (const auto& [path, file] : manners_.files) {
      ASSERT_TRUE(fs::is_symlink(cached(path))) << path;
      EXPECT_EQ(read_file(cached(path)), file.content) << path;
      EXPECT_FALSE(fs::exists(incomplete(path)));
    }
    std::string looked;
    EXPECT_EQ(find_in_hub_cache(reference_, looked), cached("config.json").parent_path());
  }

  TempDir home_;
  HubServer::Manners manners_;
  HubOptions options_;
  std::unique_ptr<HubServer> server_;
  HubReference reference_ = parse_hub_reference("org/name").value();
};

TEST_F(HubDownload, FillsTheCacheAsHuggingFaceHubDoes) {
  manners_.files["sub folder/x%y.jinja"] = {"template", false};
  manners_.files["empty.json"] = {"", false};
  fetch();
  expect_whole();
  EXPECT_EQ(read_file(hub_model_folder(reference_) / "refs/main"), manners_.commit);
  EXPECT_EQ(fs::read_symlink(cached("config.json")).string().substr(0, 12), "../../blobs/");
  EXPECT_EQ(fs::read_symlink(cached("sub folder/x%y.jinja")).string().substr(0, 15), "../../../blobs/");
  // `git hash-object` of an empty file.
  EXPECT_EQ(fs::read_symlink(cached("empty.json")).filename(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
}

TEST_F(HubDownload, FetchesNothingTwice) {
  fetch();
  const size_t before = server_->count("/resolve/");
  fetch();
  EXPECT_EQ(server_->count("/resolve/"), before);
}

TEST_F(HubDownload, TheListingMayHavePages) {
  for (int i = 0; i < 25; ++i) manners_.files[fmt::format("f{}.json", i)] = {fmt::format("{}", i), false};
  manners_.page_size = 4;
  fetch(8);
  expect_whole();
  EXPECT_EQ(server_->count("/tree/"), 7);
}

TEST_F(HubDownload, TheTokenGoesToTheHubAndNowhereElse) {
  manners_.token = options_.token = "hf_secret";
  fetch();
  expect_whole();
  size_t at_storage = 0;
  for (const HubServer::Request& request : server_->requests()) {
    EXPECT_EQ(request.authorization, request.storage ? "" : "Bearer hf_secret") << request.target;
    at_storage += request.storage ? 1 : 0;
  }
  EXPECT_EQ(at_storage, 1);
}

TEST_F(HubDownload, ACutConnectionIsTakenUpWhereItBroke) {
  manners_.cuts["model.safetensors"] = {30000, 0, 50000};
  fetch();
  expect_whole();
  std::vector<std::string> ranges;
  for (const HubServer::Request& request : server_->requests())
    if (request.storage) ranges.push_back(request.range);
  EXPECT_EQ(ranges, (std::vector<std::string>{"", "bytes=30000-", "bytes=30000-", "bytes=80000-"}));
}

TEST_F(HubDownload, AnEarlierAttemptIsContinued) {
  leave_incomplete("model.safetensors", bytes(100000).substr(0, 70000));
  start();
  EXPECT_EQ(bytes_to_fetch(reference_, HubClient(options_).list(reference_, manners_.commit)),
            (std::vector<uint64_t>{8, 30000}));
  fetch();
  expect_whole();
  for (const HubServer::Request& request : server_->requests())
    EXPECT_EQ(request.range, request.target.ends_with("safetensors") ? "bytes=70000-" : "") << request.target;
}

TEST_F(HubDownload, WhatIsNoBeginningOfTheFileIsThrownAway) {
  leave_incomplete("model.safetensors", bytes(70000, 5));
  fetch();
  expect_whole();
  leave_incomplete("model.safetensors", bytes(200000));  // longer than the file
  fs::remove(fs::canonical(cached("model.safetensors")));
  fetch();
  expect_whole();
}

TEST_F(HubDownload, AServerWithoutRangesStartsOver) {
  manners_.ignore_range = true;
  leave_incomplete("model.safetensors", bytes(100000).substr(0, 70000));
  fetch();
  expect_whole();
}

TEST_F(HubDownload, ABodyWithoutLengthIsMeasuredByTheListing) {
  manners_.no_length = true;
  manners_.cuts["model.safetensors"] = {12345};
  fetch();
  expect_whole();
}

TEST_F(HubDownload, AWrongChecksumLeavesNoFile) {
  manners_.content_instead["model.safetensors"] = bytes(100000, 9);
  EXPECT_ERROR(fetch(), kCorrupt, "org/name/model.safetensors: the checksum is ", "pull again");
  EXPECT_FALSE(fs::exists(cached("model.safetensors")));
  EXPECT_FALSE(fs::exists(incomplete("model.safetensors")));
  manners_.content_instead["config.json"] = "{\"a\": 2}";
  server_.reset();
  fs::remove_all(home_ / "hub");
  EXPECT_ERROR(fetch(1), kCorrupt, "org/name/config.json: the checksum is ");
}

TEST_F(HubDownload, MoreBytesThanListedAreRefused) {
  manners_.content_instead["model.safetensors"] = bytes(100001);
  EXPECT_ERROR(fetch(), kCorrupt, "more bytes than the 100000 that the hub lists");
}

TEST_F(HubDownload, ABusyHubIsAskedAgain) {
  manners_.busy_answers = 3;
  fetch();
  expect_whole();
  manners_.busy_answers = 100;
  server_.reset();
  EXPECT_ERROR(fetch(), kIo, "org/name: http://127.0.0.1:", "is asked too often (HTTP 429)", "try again later");
  EXPECT_EQ(server_->count("/revision/"), 6);
  manners_.retry_after = "9999";
  server_.reset();
  EXPECT_ERROR(fetch(), kIo, "it asks to wait 9999 s: try again then");
  EXPECT_EQ(server_->count("/revision/"), 1);
}

TEST_F(HubDownload, RetryAfterIsWaitedFor) {
  manners_.busy_answers = 1;
  manners_.retry_after = "1";
  std::string notice;
  options_.notice = [&](const std::string& text) { notice = text; };
  const auto start = std::chrono::steady_clock::now();
  fetch();
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(1000));
  EXPECT_NE(notice.find("HTTP 429"), std::string::npos) << notice;
  EXPECT_NE(notice.find("again in 1 s"), std::string::npos) << notice;
}

TEST_F(HubDownload, RefusalsSayWhatToDo) {
  manners_.status["/revision/"] = 401;
  EXPECT_ERROR(fetch(), kUnsupported, "org/name: no such repository, or one that is not public", "set HF_TOKEN",
               "(HTTP 401)");
  options_.token = "hf_secret";
  EXPECT_ERROR(fetch(), kUnsupported, "the token in HF_TOKEN or $HF_HOME/token is not valid or may not read it");
  manners_.status["/revision/"] = 403;
  manners_.error_fields = {{"X-Error-Code", "GatedRepo"}, {"X-Error-Message", "Bearer hf_secret may not\x1b[31m"}};
  server_.reset();
  try {
    fetch();
    ADD_FAILURE() << "nothing was refused";
  } catch (const Error& e) {
    const std::string text = e.what();
    EXPECT_NE(text.find("access must be granted first: ask for it at http://127.0.0.1"), text.npos) << text;
    EXPECT_EQ(text.find("hf_secret"), text.npos) << text;
    EXPECT_EQ(text.find('\x1b'), text.npos) << text;
  }
  manners_.status["/revision/"] = 404;
  manners_.error_fields = {{"X-Error-Code", "RevisionNotFound"}};
  server_.reset();
  EXPECT_ERROR(fetch(), kNotFound, "org/name: no revision 'main'; the branches, tags and commits are at");
  manners_.error_fields.clear();
  server_.reset();
  EXPECT_ERROR(fetch(), kNotFound, "org/name: not at http://127.0.0.1:", "check the spelling of ORG/NAME");
  manners_.status["/revision/"] = 418;
  server_.reset();
  EXPECT_ERROR(fetch(), kIo, "answered HTTP 418", "is it a Hugging Face hub (HF_ENDPOINT)?");
}

TEST_F(HubDownload, AListingTooLongOrHostileIsRefused) {
  manners_.listing_instead = "[" + std::string(17 << 20, ' ') + "]";
  EXPECT_ERROR(fetch(), kResourceExhausted, "the hub's answer is longer than 16 MiB");
  manners_.listing_instead.clear();
  manners_.files["../escape.json"] = {"x", false};
  server_.reset();
  EXPECT_ERROR(fetch(), kCorrupt, "the file name '../escape.json' is refused");
  EXPECT_FALSE(fs::exists(home_ / "hub"));
}

TEST_F(HubDownload, RedirectionsLeadToHttpOnlyAndEnd) {
  manners_.redirect_to = "file:///etc/passwd";
  EXPECT_ERROR(fetch(), kCorrupt, "redirects to something that is no http(s) address");
  manners_.redirect_to = "/org/name/resolve/" + manners_.commit + "/model.safetensors";
  server_.reset();
  EXPECT_ERROR(fetch(), kIo, "more than 8 redirections in a row");
}

TEST_F(HubDownload, AnUnreachableHubIsNamed) {
  start();
  const std::string endpoint = server_->endpoint();
  server_.reset();
  options_.endpoint = endpoint;
  HubClient client(options_);
  EXPECT_ERROR(client.commit(reference_), kIo, "127.0.0.1: Couldn't connect to server");
}

TEST_F(HubDownload, AStalledConnectionIsGivenUp) {
  manners_.hang = true;
  options_.stall_s = 1;
  options_.tries = 1;
  EXPECT_ERROR(fetch(), kIo, "127.0.0.1");
}

TEST_F(HubDownload, CancellingKeepsWhatArrived) {
  manners_.pause_ms = 20;
  start();
  CancelToken cancel;
  options_.cancel = &cancel;
  HubClient client(options_);
  const std::vector<HubFile> files = client.list(reference_, manners_.commit);
  EXPECT_ERROR(fetch_hub_files(options_, reference_, manners_.commit, files, 2,
                               [&](size_t, uint64_t here) {
                                 if (here > 20000) cancel.cancel();
                               }),
               kCancelled, "cancelled");
  EXPECT_GT(fs::file_size(incomplete("model.safetensors")), 20000u);
  cancel.reset();
  manners_.pause_ms = 0;
  server_.reset();
  fetch();
  expect_whole();
}

TEST_F(HubDownload, AnotherPullIsWaitedFor) {
  const std::string hash = incomplete("model.safetensors").stem().string();
  const fs::path locks = home_ / "hub/.locks/models--org--name";
  fs::create_directories(locks);
  const int fd = ::open((locks / (hash + ".lock")).c_str(), O_RDWR | O_CREAT, 0666);
  ASSERT_EQ(::flock(fd, LOCK_EX), 0);
  start();
  std::atomic<bool> done{false};
  std::thread puller([&] {
    fetch();
    done = true;
  });
  while (server_->count("config.json") == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_FALSE(done);
  // The other one finishes: what it left is taken, nothing is fetched.
  fs::create_directories(hub_model_folder(reference_) / "blobs");
  write_file_atomically(hub_model_folder(reference_) / "blobs" / hash, manners_.files["model.safetensors"].content);
  ::close(fd);
  puller.join();
  expect_whole();
  EXPECT_EQ(server_->count("model.safetensors"), 0u);
}

TEST_F(HubDownload, TheEnvironmentIsRead) {
  setenv("HF_ENDPOINT", "https://mirror.example/hub/", 1);
  write_file_atomically(home_ / "token", "hf_file\n");
  EXPECT_EQ(hub_options_from_environment().endpoint, "https://mirror.example/hub");
  EXPECT_EQ(hub_options_from_environment().token, "hf_file");
  setenv("HF_TOKEN", "hf_variable", 1);
  EXPECT_EQ(hub_options_from_environment().token, "hf_variable");
  for (const char* endpoint : {"ftp://x", "mirror", "https://me:secret@host", "https://host/?a"}) {
    setenv("HF_ENDPOINT", endpoint, 1);
    EXPECT_ERROR(hub_options_from_environment(), kInvalidArgument, "HF_ENDPOINT is no address of a hub");
  }
  unsetenv("HF_ENDPOINT");
  setenv("HF_TOKEN", "two\nlines", 1);
  try {
    hub_options_from_environment();
    ADD_FAILURE() << "accepted";
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()).find("lines"), std::string::npos) << e.what();
  }
}

TEST(Url, OriginIsSchemeHostAndPort) {
  EXPECT_EQ(url_origin("HTTPS://Host/a?b"), "https://host:443");
  EXPECT_EQ(url_origin("http://host:80/"), url_origin("http://host"));
  EXPECT_NE(url_origin("http://host"), url_origin("https://host"));
  EXPECT_NE(url_origin("https://host"), url_origin("https://host.evil"));
  EXPECT_EQ(url_origin("https://host@evil/"), "https://evil:443");
  EXPECT_EQ(url_origin("ftp://host"), "");
  EXPECT_EQ(url_origin("file:///etc/passwd"), "");
  EXPECT_EQ(url_escaped_path("a b/ü%?#"), "a%20b/%C3%BC%25%3F%23");
}

}  // namespace
}  // namespace pent
