#include "engine/pull.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/mapped_file.h"
#include "support/expect_error.h"
#include "support/hub_server.h"
#include "support/temp_dir.h"

namespace pent {
namespace {

namespace fs = std::filesystem;

class Pull : public testing::Test {
 protected:
  Pull() {
    setenv("HF_HUB_CACHE", (home_ / "hub").c_str(), 1);
    setenv("no_proxy", "127.0.0.1", 1);
  }
  ~Pull() override {
    unsetenv("HF_HUB_CACHE");
    unsetenv("no_proxy");
  }

  PullPlan plan(const std::string& name = "org/name") {
    if (!server_) server_ = std::make_unique<HubServer>(manners_);
    options_.endpoint = server_->endpoint();
    return plan_pull(options_, parse_hub_reference(name).value());
  }

  TempDir home_;
  HubServer::Manners manners_;
  HubOptions options_;
  std::unique_ptr<HubServer> server_;
};

TEST_F(Pull, TheIndexOfAShardedModelIsReadBeforeItsShards) {
  manners_.files["model.safetensors.index.json"] = {
      R"({"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}})", false};
  manners_.files["model-1.safetensors"] = {std::string(3000, '1')};
  manners_.files["model-2.safetensors"] = {std::string(4000, '2')};
  manners_.files["consolidated.safetensors"] = {std::string(7000, '3')};
  manners_.files["config.json"] = {R"({"torch_dtype":"float32"})", false};
  const PullPlan planned = plan();
  EXPECT_EQ(server_->count("safetensors") - server_->count("index.json"), 0u) << "a byte of the weights was asked for";
  EXPECT_EQ(planned.files.size(), 4u);
  EXPECT_EQ(planned.missing_bytes(), 7000u);
  EXPECT_EQ(fit_of(planned).memory_needed, static_cast<uint64_t>(750 * 1.0625) + static_cast<uint64_t>(1000 * 1.0625));
  const fs::path path = fetch(options_, planned, 3, [](size_t, uint64_t) {});
  EXPECT_EQ(read_file(path / "model-2.safetensors"), std::string(4000, '2'));
  EXPECT_FALSE(fs::exists(path / "consolidated.safetensors"));
  EXPECT_EQ(plan().missing_bytes(), 0u);
}

TEST_F(Pull, ASplitGgufModelIsFetchedWholeAndItsFirstPartFound) {
  for (const char* name : {"m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf", "m-Q4_0.gguf"})
    manners_.files[name] = {std::string(name)};
  const PullPlan planned = plan("org/name:Q8_0");
  EXPECT_EQ(fit_of(planned).memory_needed, planned.total_bytes());
  const fs::path path = fetch(options_, planned, 3, [](size_t, uint64_t) {});
  EXPECT_EQ(path.filename(), "m-Q8_0-00001-of-00002.gguf");
  EXPECT_TRUE(fs::exists(path.parent_path() / "m-Q8_0-00002-of-00002.gguf"));
  EXPECT_FALSE(fs::exists(path.parent_path() / "m-Q4_0.gguf"));
}

TEST_F(Pull, WhatDoesNotFitIsRefusedByName) {
  constexpr uint64_t kGigabyte = 1000000000;
  const PullFit fits = {.disk_needed = 5 * kGigabyte,
                        .disk_free = 6 * kGigabyte,
                        .memory_needed = 5 * kGigabyte,
                        .memory_total = 6 * kGigabyte};
  EXPECT_NO_THROW(check_fit(fits, "org/name"));
  PullFit disk = fits;
  disk.disk_free = disk.disk_needed;  // nothing left for anybody else
  EXPECT_ERROR(check_fit(disk, "org/name"), kResourceExhausted,
               "org/name: 5.0 GB are to be fetched, 5.0 GB are free at ", "HF_HUB_CACHE", "--force");
  PullFit memory = fits;
  memory.memory_needed = 7 * kGigabyte;
  EXPECT_ERROR(check_fit(memory, "org/name"), kResourceExhausted,
               "its weights take 7.0 GB of memory, this machine has 6.0 GB", "smaller quantisation");
  PullFit here = fits;
  here.disk_needed = here.disk_free = 0;
  EXPECT_NO_THROW(check_fit(here, "org/name"));
}

TEST_F(Pull, SizesThatAddUpBeyondAnyNumberDoNotWrapAround) {
  PullPlan huge;
  huge.files = {{.path = "a.gguf", .size = UINT64_MAX / 2}, {.path = "b.gguf", .size = UINT64_MAX / 2 + 9}};
  huge.missing = {UINT64_MAX / 2, UINT64_MAX / 2 + 9};
  EXPECT_EQ(huge.total_bytes(), UINT64_MAX);
  EXPECT_EQ(huge.missing_bytes(), UINT64_MAX);
}

}  // namespace
}  // namespace pent
