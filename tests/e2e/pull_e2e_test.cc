// `pent pull` against a hub of our own: what it fetches can be run, and what goes wrong is one line.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "base/json.h"
#include "base/mapped_file.h"
#include "e2e/models.h"
#include "e2e/pent_process.h"
#include "support/hub_server.h"

namespace pent {
namespace {

namespace fs = std::filesystem;

HubServer::Manners serving(const fs::path& model) {
  HubServer::Manners manners;
  for (const auto& entry : fs::directory_iterator(model)) {
    const std::string name = entry.path().filename().string();
    manners.files[name] = {read_file(entry.path()), name.ends_with(".safetensors")};
  }
  manners.files["README.md"] = {"# a card", false};
  return manners;
}

class PentPull : public testing::Test {
 protected:
  Environment environment(const HubServer& server) const {
    return {{"HF_ENDPOINT", server.endpoint()}, {"HF_HOME", home_.path().string()}, {"no_proxy", "127.0.0.1"}};
  }
  static void expect_one_line(const Outcome& outcome, int code, const std::string& text) {
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_NE(outcome.err.find(text), std::string::npos) << outcome.err;
  }

  TempDir home_;
};

TEST_F(PentPull, WhatWasPulledCanBeRunWithoutANetwork) {
  const auto server = std::make_unique<HubServer>(serving(TestModels::get().diffusion()));
  const Environment with_hub = environment(*server);
  const Outcome absent = run_pent({"run", "-m", "org/name", "the sea"}, "", with_hub);
  expect_one_line(absent, 1, "fetch it with: pent pull org/name");
  const Outcome pulled = run_pent({"pull", "org/name", "--json"}, "", with_hub);
  ASSERT_EQ(pulled.code, 0) << pulled.err;
  const Json report = parse_json(pulled.out, "report");
  EXPECT_EQ(report["schema"], 1);
  EXPECT_EQ(report["commit"], std::string(40, 'c'));
  EXPECT_EQ(report["path"], (home_ / "hub/models--org--name/snapshots" / std::string(40, 'c')).string());
  for (const Json& file : report["files"]) EXPECT_NE(file["path"], "README.md");
  Environment offline = with_hub;
  offline["HF_HUB_OFFLINE"] = "1";
  const size_t asked = server->requests().size();
  EXPECT_EQ(run_pent({"pull", "org/name"}, "", offline).out, report["path"].get<std::string>() + "\n");
  const std::vector<std::string> run = {"run", "--max-tokens", "8", "--seed", "1", "the sea", "-m"};
  std::vector<std::string> by_name = run, by_path = run;
  by_name.push_back("org/name");
  by_path.push_back(TestModels::get().diffusion());
  EXPECT_EQ(run_pent(by_name, "", offline).out, run_pent(by_path, "", offline).out);
  EXPECT_NE(run_pent({"models"}, "", offline).out.find("org/name "), std::string::npos);
  EXPECT_EQ(run_pent({"models", "--quiet"}, "", offline).out.find("org/other"), std::string::npos);
  EXPECT_EQ(server->requests().size(), asked);
  expect_one_line(run_pent({"pull", "org/other"}, "", offline), 1, "HF_HUB_OFFLINE is set, and it is not in the cache");
}

TEST_F(PentPull, FetchesOnlyWhatIsMissing) {
  const HubServer server(serving(TestModels::get().ar()));
  const Outcome first = run_pent({"pull", "org/name"}, "", environment(server));
  ASSERT_EQ(first.code, 0) << first.err;
  const size_t files = server.count("/resolve/");
  const Outcome second = run_pent({"pull", "org/name", "--json"}, "", environment(server));
  EXPECT_EQ(server.count("/resolve/"), files);
  EXPECT_EQ(parse_json(second.out, "report")["fetched_bytes"], 0);
}

TEST_F(PentPull, DryRunFetchesNoWeights) {
  const HubServer server(serving(TestModels::get().ar()));
  const Outcome outcome = run_pent({"pull", "org/name", "--dry-run"}, "", environment(server));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("model.safetensors\n"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("to fetch\n"), std::string::npos) << outcome.out;
  EXPECT_EQ(server.count(".safetensors"), 0u);
}

TEST_F(PentPull, EveryFailureIsOneLine) {
  const auto fails = [&](const std::function<void(HubServer::Manners&)>& change, const std::string& text) {
    HubServer::Manners manners = serving(TestModels::get().ar());
    change(manners);
    const HubServer server(manners);
    const TempDir fresh;
    Environment with_hub = environment(server);
    with_hub["HF_HOME"] = fresh.path().string();
    with_hub["HF_TOKEN"] = "hf_secret";
    const Outcome outcome = run_pent({"pull", "org/name"}, "", with_hub);
    expect_one_line(outcome, 1, text);
    EXPECT_EQ(outcome.err.find("hf_secret"), std::string::npos);
    EXPECT_FALSE(fs::exists(fresh / "hub/models--org--name/refs/main"));
  };
  fails([](auto& m) { m.token = "hf_other"; }, "the token in HF_TOKEN or $HF_HOME/token is not valid");
  fails([](auto& m) { m.status["/revision/"] = 403; }, "access must be granted first");
  fails([](auto& m) { m.status["/api/"] = 404; }, "check the spelling of ORG/NAME");
  fails([](auto& m) { m.busy_answers = 1, m.retry_after = "7200"; }, "it asks to wait 7200 s");
  fails([](auto& m) { m.files["../x.json"] = {"{}", false}; }, "the file name '../x.json' is refused");
  fails([](auto& m) { m.files["/x.json"] = {"{}", false}; }, "the file name '/x.json' is refused");
  fails(
      [](auto& m) {
        m.content_instead["model.safetensors"] = std::string(m.files["model.safetensors"].content.size(), 'x');
      },
      "model.safetensors: the checksum is");
  fails([](auto& m) { m.size_instead["model.safetensors"] = uint64_t{1} << 60; }, "are to be fetched");
  fails([](auto& m) { m.listing_instead = "[" + std::string(20 << 20, ' '); }, "longer than 16 MiB");
  fails([](auto& m) { m.listing_instead = "<html>"; }, "not valid JSON");
  fails([](auto& m) { m.files.erase("model.safetensors"), m.files["pytorch_model.bin"] = {"x"}; }, "Python pickles");
}

TEST_F(PentPull, WrongUsageIsToldBeforeAnythingIsAsked) {
  const HubServer server(serving(TestModels::get().ar()));
  for (const std::string name : {"name", "../x/y", "org/name@../x", "org/name:", "https://host/org/name"})
    expect_one_line(run_pent({"pull", name}, "", environment(server)), 2,
                    "is no ORG/NAME[@REVISION][:QUANT] of the hub");
  expect_one_line(run_pent({"pull"}, "", environment(server)), 2, "MODEL");
  expect_one_line(run_pent({"pull", "org/name", "--parallel", "0"}, "", environment(server)), 2, "--parallel");
  Environment wrong = environment(server);
  wrong["HF_ENDPOINT"] = "ftp://x";
  expect_one_line(run_pent({"pull", "org/name"}, "", wrong), 2, "HF_ENDPOINT is no address of a hub");
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(PentPull, InterruptedItGoesOnWhereItStopped) {
  HubServer::Manners manners = serving(TestModels::get().ar());
  const size_t size = manners.files["model.safetensors"].content.size();
  manners.hang_after = 20000;  // of a file; then it waits to be interrupted
  ASSERT_GT(size, 2 * manners.hang_after);
  const HubServer slow(manners);
  const Environment with_hub = environment(slow);
  const fs::path blobs = home_ / "hub/models--org--name/blobs";
  const auto incomplete = [&]() -> uint64_t {
    std::error_code failed;
    uint64_t most = 0;
    for (const auto& entry : fs::directory_iterator(blobs, failed)) {
      const uint64_t bytes = entry.path().extension() == ".incomplete" ? entry.file_size(failed) : 0;
      if (!failed) most = std::max(most, bytes);  // smaller files come and go meanwhile
    }
    return most;
  };
  PentOnTerminal pull({"pull", "org/name"}, with_hub);
  ASSERT_TRUE(eventually([&] { return incomplete() >= manners.hang_after; }));
  pull.type("\003");
  const Outcome stopped = pull.finish();
  EXPECT_EQ(stopped.code, 130);
  EXPECT_NE(stopped.out.find("what has arrived is kept"), std::string::npos) << stopped.out;
  const uint64_t arrived = incomplete();
  ASSERT_GE(arrived, manners.hang_after);
  manners.hang_after = 0;
  const HubServer quick(manners);
  const Outcome resumed = run_pent({"pull", "org/name", "--json"}, "", environment(quick));
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  const Json report = parse_json(resumed.out, "report");
  for (const Json& file : report["files"]) {
    if (file["path"] == "model.safetensors") {
      EXPECT_EQ(file["missing_bytes"], size - arrived);
    }
  }
  for (const HubServer::Request& request : quick.requests()) {
    if (request.storage) {
      EXPECT_EQ(request.range, "bytes=" + std::to_string(arrived) + "-");
    }
  }
}

TEST_F(PentPull, TwoAtOnceFetchEveryFileOnce) {
  HubServer::Manners manners = serving(TestModels::get().ar());
  manners.pause_ms = 2;
  const HubServer server(manners);
  std::vector<Outcome> outcomes(3);
  std::vector<std::thread> threads;
  for (Outcome& outcome : outcomes)
    threads.emplace_back([&] { outcome = run_pent({"pull", "org/name"}, "", environment(server)); });
  for (std::thread& thread : threads) thread.join();
  for (const Outcome& outcome : outcomes) EXPECT_EQ(outcome.code, 0) << outcome.err;
  size_t at_storage = 0;
  for (const HubServer::Request& request : server.requests()) at_storage += request.storage ? 1 : 0;
  EXPECT_EQ(at_storage, 1u);
}

TEST_F(PentPull, ATerminalSeesBars) {
  HubServer::Manners manners = serving(TestModels::get().ar());
  manners.pause_ms = 10;
  const HubServer server(manners);
  Environment with_hub = environment(server);
  with_hub["TERM"] = "xterm";
  PentOnTerminal pull({"pull", "org/name"}, with_hub, 100);
  EXPECT_TRUE(pull.wait_for("model.safetensors"));
  EXPECT_TRUE(pull.wait_for("█"));
  EXPECT_TRUE(pull.wait_for("/s, "));
  const Outcome outcome = pull.finish();
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.out.rfind("snapshots/"), std::string::npos);
}

}  // namespace
}  // namespace pent
