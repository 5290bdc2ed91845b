// Runs of the built binary: from a few kilobytes of text to a model, killed on the way, out of disk, resumed.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <cmath>
#include <fstream>

#include "base/json.h"
#include "base/mapped_file.h"
#include "base/random.h"
#include "e2e/pent_process.h"
#include "engine/generate.h"
#include "io/weight_source.h"
#include "support/temp_dir.h"
#include "train/torch_denoiser.h"

namespace pent::train {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRecipe = R"(
name = "tiny"
threads = 1
[tokenizer]
vocab_size = 300
[model]
d_model = 32
n_layers = 2
n_heads = 4
n_kv_heads = 2
ffn_dim = 48
context = 48
[optimizer]
lr = 1e-2
ema = 0.9
mlp_dropout = 0.1
[schedule]
steps = 40
warmup = 5
[batch]
sequences = 4
micro = 2
[validation]
every = 10
draws = 1
sequences = 4
[checkpoint]
every = 5
[generation]
prompt = ""
max_tokens = 16
steps = 8
block_length = 8
)";

class TrainRun : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(directory_ / "tiny.toml") << kRecipe;
    std::ofstream text(directory_ / "text.txt");
    const char* words[] = {"cat", "dog", "owl", "hill", "moon", "boat", "bread", "song"};
    for (uint32_t i = 0; i < 400; ++i) {
      const auto bits = draw_bits({.seed = 9, .step = i});
      text << "The " << words[bits[0] % 8] << " saw the " << words[bits[1] % 8] << (i % 9 == 8 ? ".\n" : ". ");
    }
  }

  std::vector<std::string> arguments(const std::string& out, std::vector<std::string> sets = {},
                                     std::vector<std::string> flags = {}) {
    std::vector<std::string> all = {"train", (directory_ / "tiny.toml").string(),
                                    "--set", "data=" + (directory_ / "text.txt").string(),
                                    "--set", "out=" + path(out).string()};
    for (const std::string& set : sets) all.insert(all.end(), {"--set", set});
    all.insert(all.end(), flags.begin(), flags.end());
    return all;
  }
  Outcome train(const std::string& out, std::vector<std::string> sets = {}, std::vector<std::string> flags = {}) {
    return run_pent(arguments(out, std::move(sets), std::move(flags)));
  }
  fs::path path(const std::string& name) { return directory_ / name; }
  std::string bytes(const std::string& name) { return read_file(path(name)); }

  // The metrics without what clocks say.
  std::vector<Json> metrics(const std::string& out) {
    std::vector<Json> lines;
    std::ifstream file(path(out) / "metrics.jsonl");
    for (std::string line; std::getline(file, line);) {
      Json record = Json::parse(line);
      record.erase("time");
      record.erase("tokens_per_second");
      lines.push_back(std::move(record));
    }
    return lines;
  }

  TempDir directory_;
};

TEST_F(TrainRun, EndsWithAModelASampleAndTheCommandForIt) {
  const Outcome outcome = train("out");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("pent run -m " + path("out/model").string()), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.err.find('\r'), std::string::npos);  // no bar where there is no terminal
  EXPECT_FALSE(outcome.out.empty());
  const auto lines = metrics("out");
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(), [](const Json& line) { return line["split"] == "train"; }), 40);
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(), [](const Json& line) { return line["split"] == "validation"; }),
            4);
  EXPECT_LT(lines.back()["loss"].get<double>(), 5.0);   // ln 300 = 5.7
  EXPECT_FALSE(fs::exists(path("out/checkpoint-30")));  // two are kept
  EXPECT_TRUE(fs::exists(path("out/checkpoint-35")));
}

// A next-token model's weights and tokenizer, taken over by masked diffusion: with a rate of 0 they come out again.
TEST_F(TrainRun, StartsFromAnotherModelsWeightsAndTokenizer) {
  ASSERT_EQ(train("parent", {"objective.kind=next-token", "schedule.steps=12"}).code, 0);
  const std::string parent = path("parent/model").string();
  const std::vector<std::string> sets = {"model.init=" + parent, "optimizer.lr=0", "schedule.steps=2",
                                         "tokenizer.vocab_size=310"};
  const Outcome outcome = train("child", sets);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(bytes("child/model/tokenizer.json"), bytes("parent/model/tokenizer.json"));
  const auto weights = [&](const std::string& name) {
    return open_safetensors(path(name + "/model/model.safetensors"));
  };
  const auto from = weights("parent"), to = weights("child");
  for (const auto& [llama, llada] :
       {std::pair{"model.embed_tokens.weight", "model.transformer.wte.weight"},
        {"model.layers.1.self_attn.k_proj.weight", "model.transformer.blocks.1.k_proj.weight"},
        {"model.layers.0.mlp.up_proj.weight", "model.transformer.blocks.0.up_proj.weight"}}) {
    const TensorView *a = from->find(llama), *b = to->find(llada);
    ASSERT_TRUE(a != nullptr && b != nullptr) << llama;
    EXPECT_TRUE(std::equal(a->bytes.begin(), a->bytes.end(), b->bytes.begin(), b->bytes.end())) << llama;
  }
  // Going on needs the parent no more.
  fs::remove_all(path("parent"));
  EXPECT_EQ(train("child", {"model.init=" + parent, "optimizer.lr=0", "schedule.steps=3"}, {"--resume"}).code, 0);
  const Outcome missing = train("orphan", sets);
  EXPECT_EQ(missing.code, 1);
  EXPECT_NE(missing.err.find(parent), std::string::npos) << missing.err;
}

TEST_F(TrainRun, AModelOfOtherSizesToStartFromIsRefusedByName) {
  ASSERT_EQ(train("parent", {"schedule.steps=1"}).code, 0);
  const std::string init = "model.init=" + path("parent/model").string();
  const Outcome outcome = train("child", {init, "model.ffn_dim=64"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("ff_proj"), std::string::npos) << outcome.err;
  const Outcome both = train("child", {init, "tokenizer.file=x"});
  EXPECT_NE(both.err.find("leave out tokenizer.file"), std::string::npos) << both.err;
}

// What was trained is what is run: both backends read the export, and agree.
TEST_F(TrainRun, BothObjectivesExportWhatBothBackendsReadAlike) {
  for (const bool diffusion : {true, false}) {
    const std::string kind = diffusion ? "masked-diffusion" : "next-token";
    SCOPED_TRACE(kind);
    const Outcome outcome = train(kind, {"objective.kind=" + kind, "schedule.steps=12", "validation.keep_best=true"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    ThreadPool pool(1);
    Model model = load_model((path(kind) / "model").string(), {}, pool, {.precise = true});
    EXPECT_EQ(model.denoiser->spec().is_diffusion(), diffusion);
    EXPECT_EQ(model.denoiser->spec().family, diffusion ? "llada" : "llama");
    const auto torch = load_torch(model.files);
    std::vector<PassResult> results;
    const std::vector<TokenId> tokens = model.tokenizer->encode("The cat saw the moon. The", /*add_special=*/true);
    EXPECT_EQ(tokens[0], model.denoiser->spec().bos_id);
    for (Denoiser* denoiser : {model.denoiser.get(), torch.get()}) {
      PassPlan plan;
      const int32_t sequence = denoiser->open_sequence(48);
      if (diffusion)
        plan.add_full(sequence, tokens);
      else
        plan.add_causal(sequence, tokens);
      for (uint32_t row = 0; row < plan.rows.size(); ++row) plan.head_rows.push_back(row);
      denoiser->forward(plan, {.full_logits = true}, results.emplace_back());
    }
    double worst = 0;
    for (size_t i = 0; i < results[0].logits.size(); ++i)
      worst = std::max(worst, std::abs(static_cast<double>(results[0].logits[i]) - results[1].logits[i]));
    EXPECT_LT(worst, 1e-3);
    const Generation generation = generate(model, make_prompt(model, "The cat", "", false), {.max_tokens = 16});
    EXPECT_EQ(generation.mode, diffusion ? Mode::kDiffusion : Mode::kAr);
  }
}

TEST_F(TrainRun, KilledAndResumedItIsTheSameRunBitForBit) {
  const std::vector<std::string> longer = {"schedule.steps=150",
                                           "optimizer.kind=muon"};  // and AdamW for what is not a matrix
  ASSERT_EQ(train("whole", longer).code, 0);
  Outcome killed;
  for (int attempt = 0; attempt < 3 && killed.code != 128 + SIGKILL; ++attempt) {  // it may have been quicker than we
    fs::remove_all(path("killed"));
    killed = run_pent_with(arguments("killed", longer), [&](pid_t pid) {
      eventually([&] { return fs::exists(path("killed/checkpoint-10")) || fs::exists(path("killed/checkpoint-15")); });
      ::kill(pid, SIGKILL);
    });
  }
  ASSERT_EQ(killed.code, 128 + SIGKILL) << killed.err;
  ASSERT_FALSE(fs::exists(path("killed/model")));
  const Outcome resumed = train("killed", longer, {"--resume"});
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_NE(resumed.err.find("going on from step "), std::string::npos) << resumed.err;
  EXPECT_TRUE(bytes("whole/model/model.safetensors") == bytes("killed/model/model.safetensors"));
  EXPECT_TRUE(bytes("whole/checkpoint-150/state.safetensors") == bytes("killed/checkpoint-150/state.safetensors"));
  EXPECT_EQ(metrics("whole"), metrics("killed"));
}

TEST_F(TrainRun, AFullDiskIsSaidAndLeavesTheCheckpointBefore) {
  ASSERT_EQ(train("out", {"schedule.steps=5"}).code, 0);
  const std::string before = bytes("out/checkpoint-5/state.safetensors");
  rlimit usual{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &usual), 0);
  const rlimit small{before.size() / 2, usual.rlim_max};
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Outcome full = train("out", {"schedule.steps=10"}, {"--resume"});
  ::setrlimit(RLIMIT_FSIZE, &usual);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(full.code, 1);
  EXPECT_NE(full.err.find("state.safetensors"), std::string::npos) << full.err;
  EXPECT_FALSE(fs::exists(path("out/checkpoint-10")));
  EXPECT_TRUE(before == bytes("out/checkpoint-5/state.safetensors"));
  const Outcome resumed = train("out", {"schedule.steps=10"}, {"--resume"});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_TRUE(fs::exists(path("out/checkpoint-10")));
}

TEST_F(TrainRun, ResumingSaysWhatMayNotChangeAndLetsTheRest) {
  ASSERT_EQ(train("out", {"schedule.steps=5"}).code, 0);
  const Outcome wider = train("out", {"model.d_model=64", "optimizer.lr=0.5"}, {"--resume"});
  EXPECT_EQ(wider.code, 2);
  EXPECT_NE(wider.err.find("model.d_model (was 32, is 64)"), std::string::npos) << wider.err;
  EXPECT_NE(wider.err.find("optimizer.lr (was 0.01, is 0.5)"), std::string::npos) << wider.err;
  const Outcome fresh = train("out", {"schedule.steps=5"});
  EXPECT_EQ(fresh.code, 2);
  EXPECT_NE(fresh.err.find("--resume goes on from it"), std::string::npos) << fresh.err;
  const Outcome fewer = train("out", {"schedule.steps=3"}, {"--resume"});
  EXPECT_EQ(fewer.code, 2);
  EXPECT_NE(fewer.err.find("5 steps are done"), std::string::npos) << fewer.err;
  const Outcome more = train("out", {"schedule.steps=8", "validation.every=3", "checkpoint.keep=1"}, {"--resume"});
  EXPECT_EQ(more.code, 0) << more.err;
  EXPECT_TRUE(fs::exists(path("out/checkpoint-8")));
}

TEST_F(TrainRun, ADamagedCheckpointIsNamed) {
  ASSERT_EQ(train("out", {"schedule.steps=5"}).code, 0);
  const fs::path state = path("out/checkpoint-5/state.safetensors");
  const std::string whole = read_file(state);
  fs::resize_file(state, whole.size() / 2);
  const Outcome cut = train("out", {"schedule.steps=8"}, {"--resume"});
  EXPECT_EQ(cut.code, 1);
  EXPECT_NE(cut.err.find("checkpoint-5/state.safetensors"), std::string::npos) << cut.err;
}

TEST_F(TrainRun, AnInterruptLeavesACheckpoint) {
  const Outcome stopped = run_pent_with(arguments("out", {"schedule.steps=100000"}), [&](pid_t pid) {
    eventually([&] { return fs::exists(path("out/checkpoint-5")) || fs::exists(path("out/checkpoint-10")); });
    ::kill(pid, SIGINT);
  });
  EXPECT_EQ(stopped.code, 130);
  EXPECT_NE(stopped.err.find("--resume goes on"), std::string::npos) << stopped.err;
  EXPECT_FALSE(fs::exists(path("out/model")));
}

TEST_F(TrainRun, OnATerminalThereIsABar) {
  PentOnTerminal terminal(arguments("out", {"schedule.steps=10"}), {}, 100, 20);
  const Outcome outcome = terminal.finish();
  EXPECT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("████████ step 10/10"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("tokens/s"), std::string::npos);
}

TEST_F(TrainRun, ADryRunSaysThePlanAndWritesNothing) {
  const Outcome outcome = train("out", {}, {"--dry-run"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.err.find("40 steps of 4 windows"), std::string::npos) << outcome.err;
  EXPECT_FALSE(fs::exists(path("out")));
}

TEST_F(TrainRun, WhatCannotBeReadOrWrittenIsNamed) {
  const auto fails = [&](std::vector<std::string> sets, int code, const std::string& text) {
    const Outcome outcome = train("out", std::move(sets));
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_NE(outcome.err.find(text), std::string::npos) << outcome.err;
  };
  fails({"data=/nowhere/book.txt"}, 1, "/nowhere/book.txt");
  std::ofstream(path("empty.txt"));
  fails({"data=" + path("empty.txt").string()}, 2, "empty.txt: no text to train on");
  std::ofstream(path("prompts.jsonl")) << "{\"prompt\": \"Tell me a story.\"}\n";
  fails({"data=" + path("prompts.jsonl").string()}, 1, "prompts.jsonl:1");
  fails({"out=" + path("text.txt").string() + "/run"}, 1, "text.txt/run");
  fails({"tokenizer.file=/nowhere/tokenizer.json"}, 1, "/nowhere/tokenizer.json");
  fails({"optimizer.lr=1e9"}, 2, "optimizer.lr");
}

}  // namespace
}  // namespace pent::train
