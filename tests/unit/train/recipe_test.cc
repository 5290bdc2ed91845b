#include "train/recipe/recipe.h"

#include <gtest/gtest.h>

#include "base/mapped_file.h"
#include "support/expect_error.h"
#include "train/schedule.h"

namespace pent::train {
namespace {

const std::string kSource = "[[source]]\npath = \"a.txt\"\n";

std::filesystem::path recipe_path(const std::string& name) {
  return std::filesystem::path(PENT_SOURCE_DIR) / "recipes" / name;
}

TEST(Recipe, LeavesDefaultsWhereItIsSilent) {
  const Recipe r = parse_recipe(kSource, "dir/mine.toml");
  EXPECT_EQ(r.name, "mine");
  EXPECT_EQ(r.out, "runs/mine");
  EXPECT_EQ(r.model.d_model, 256);
  EXPECT_EQ(r.objective.kind, "masked-diffusion");
  EXPECT_EQ(r.sources.at(0).window, "example");
}

TEST(Recipe, OverridesWinAndMayBeBareWords) {
  const Recipe r = parse_recipe(
      "[model]\nd_model = 64\n" + kSource, "r.toml",
      {"model.d_model=128", "schedule.kind=cosine", "out=runs/a b", "schedule.kind=wsd", "optimizer.ema=0.5"});
  EXPECT_EQ(r.model.d_model, 128);
  EXPECT_EQ(r.schedule.kind, "wsd");
  EXPECT_EQ(r.out, "runs/a b");
  EXPECT_EQ(r.optimizer.ema, 0.5);
}

TEST(Recipe, OwnTextRunsAreNamedAfterTheText) {
  EXPECT_EQ(parse_recipe("", "own-text.toml", {"data=/a/moby dick.txt"}).out, "runs/moby dick");
}

TEST(Recipe, ErrorsNameFileLineAndKey) {
  const auto parse = [](const std::string& text) { return [text] { parse_recipe(text + kSource, "r.toml"); }; };
  EXPECT_ERROR(parse("[model]\nd_modle = 64\n")(), kInvalidArgument, "r.toml:2", "unknown key 'model.d_modle'",
               "d_model");
  EXPECT_ERROR(parse("\n\nseed = \"one\"\n")(), kInvalidArgument, "r.toml:3", "'seed' must be a whole number");
  EXPECT_ERROR(parse("[schedule]\nsteps = 0\n")(), kInvalidArgument, "r.toml:2", "'schedule.steps'", "from 1");
  EXPECT_ERROR(parse("[optimizer]\nlr = inf\n")(), kInvalidArgument, "r.toml:2", "'optimizer.lr'");
  EXPECT_ERROR(parse("[optimizer]\nlr = nan\n")(), kInvalidArgument, "r.toml:2", "'optimizer.lr'");
  EXPECT_ERROR(parse("[objective]\nkind = \"next\"\n")(), kInvalidArgument, "r.toml:2",
               "\"masked-diffusion\" or \"next-token\"");
  EXPECT_ERROR(parse("model = 3\n")(), kInvalidArgument, "r.toml:1", "'model' must be a table");
  EXPECT_ERROR(parse("[model\n")(), kInvalidArgument, "r.toml:1", "not valid TOML");
  EXPECT_ERROR(parse_recipe("source = [1]\n", "r.toml"), kInvalidArgument, "r.toml:1", "'source'");
  EXPECT_ERROR(parse_recipe("[[source]]\npath = \"a\"\nweights = 2\n", "r.toml"), kInvalidArgument, "r.toml:3",
               "source.weights");
}

TEST(Recipe, OverridesThatDoNotFitAreNamedAsSuch) {
  const auto set = [](const std::string& text) { parse_recipe(kSource, "r.toml", {text}); };
  EXPECT_ERROR(set("model.d_model"), kInvalidArgument, "--set model.d_model", "key=value");
  EXPECT_ERROR(set("model.d_model=wide"), kInvalidArgument, "--set", "'model.d_model' must be a whole number");
  EXPECT_ERROR(set("model.depth=2"), kInvalidArgument, "--set", "unknown key 'model.depth'");
  EXPECT_ERROR(set("source.path=x"), kInvalidArgument, "'source' is not a table");
}

TEST(Recipe, ContradictionsBetweenKeysAreRefused) {
  const auto set = [](std::vector<std::string> texts) { parse_recipe(kSource, "r.toml", texts); };
  EXPECT_ERROR(set({"model.n_heads=3"}), kInvalidArgument, "r.toml", "model.d_model 256", "model.n_heads 3");
  EXPECT_ERROR(set({"model.n_kv_heads=3"}), kInvalidArgument, "model.n_kv_heads 3");
  EXPECT_ERROR(set({"objective.token_mask=0.1"}), kInvalidArgument, "next-token");
  EXPECT_ERROR(set({"model.context=64"}), kInvalidArgument, "generation.max_tokens 256", "model.context 64");
  EXPECT_ERROR(parse_recipe("", "r.toml"), kInvalidArgument, "no data");
  EXPECT_ERROR(parse_recipe("[[source]]\nweight = 1\n", "r.toml"), kInvalidArgument, "a source has no path");
}

TEST(Recipe, TruncatedAnywhereItIsReadOrRefusedByName) {
  const std::string whole = read_file(recipe_path("stories.toml"));
  for (size_t size = 0; size < whole.size(); size += 64) {
    try {
      parse_recipe(whole.substr(0, size), "cut.toml");
    } catch (const Error& problem) {
      EXPECT_EQ(std::string(problem.what()).find("cut.toml"), 0u) << problem.what();
    }
  }
}

TEST(Recipe, DeepNestingIsRefused) {
  EXPECT_ERROR(parse_recipe("a = " + std::string(100000, '['), "deep.toml"), kInvalidArgument, "deep.toml");
}

TEST(Recipe, TheOnesWeShipAreRead) {
  const Recipe stories = load_recipe(recipe_path("stories.toml"));
  const std::string shared = load_recipe(recipe_path("stories-ar-regularised.toml")).out;
  EXPECT_EQ(stories.model.init, shared + "/model");
  EXPECT_EQ(load_recipe(recipe_path("stories-ar.toml")).tokenizer.file, shared + "/tokenizer.json");
  for (const char* twin : {"stories-ar.toml", "stories-ar-regularised.toml"}) {
    const Recipe r = load_recipe(recipe_path(twin));
    EXPECT_EQ(r.objective.kind, "next-token");
    EXPECT_TRUE(r.validation.keep_best);
    EXPECT_EQ(r.model.d_model, stories.model.d_model);
    EXPECT_EQ(r.model.n_layers, stories.model.n_layers);
    EXPECT_EQ(r.model.ffn_dim, stories.model.ffn_dim);
    EXPECT_EQ(r.model.context, stories.model.context);
    EXPECT_EQ(r.optimizer.lr, stories.optimizer.lr);
    EXPECT_EQ(r.batch.sequences, stories.batch.sequences);
    EXPECT_LE(r.schedule.steps, stories.schedule.steps);  // next-token models overfit sooner
    EXPECT_EQ(r.optimizer.kind, stories.optimizer.kind);
    ASSERT_EQ(r.sources.size(), stories.sources.size());
    for (size_t i = 0; i < r.sources.size(); ++i) {
      EXPECT_EQ(r.sources[i].path, stories.sources[i].path);
      EXPECT_EQ(r.sources[i].weight, stories.sources[i].weight);
      EXPECT_EQ(r.sources[i].drop_prompt, stories.sources[i].drop_prompt);
    }
  }
}

TEST(RecipeSizes, GrowWithTheTextAndHold) {
  int64_t width = 0;
  for (const int64_t bytes :
       {int64_t{0}, int64_t{1000}, int64_t{30'000}, int64_t{1'100'000}, int64_t{20'000'000}, int64_t{1} << 40}) {
    Recipe r = load_recipe(recipe_path("own-text.toml"), {"data=book.txt"});
    choose_sizes(r, bytes);
    EXPECT_NO_THROW(check_recipe(r, "own-text.toml")) << bytes;
    EXPECT_GE(r.model.d_model, width);
    EXPECT_GE(r.tokenizer.vocab_size, 300);
    EXPECT_LE(r.generation.max_tokens, r.model.context);
    EXPECT_GE(r.schedule.steps, 300);
    width = r.model.d_model;
  }
}

TEST(RecipeSizes, WhatTheRecipeSaysStays) {
  Recipe r = load_recipe(recipe_path("own-text.toml"), {"data=book.txt", "model.d_model=96", "schedule.steps=7"});
  choose_sizes(r, 1'000'000);
  EXPECT_EQ(r.model.d_model, 96);
  EXPECT_EQ(r.schedule.steps, 7);
  EXPECT_LE(r.schedule.warmup, 1);
  EXPECT_NO_THROW(check_recipe(r, "own-text.toml"));
}

TEST(Schedule, WarmsUpStaysAndDecaysLinearly) {
  const Recipe r = parse_recipe(
      kSource, "r.toml",
      {"optimizer.lr=1.0", "schedule.steps=100", "schedule.warmup=10", "schedule.decay=0.2", "schedule.final_lr=0.1"});
  const ScheduleBorders borders = planned_borders(r);
  EXPECT_EQ(borders.decay_begin, 80);
  EXPECT_DOUBLE_EQ(learning_rate(r, borders, 0), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate(r, borders, 9), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate(r, borders, 79), 1.0);
  EXPECT_NEAR(learning_rate(r, borders, 89), 0.55, 1e-12);
  EXPECT_NEAR(learning_rate(r, borders, 99), 0.1, 1e-12);
}

TEST(Schedule, CosineFallsToItsEnd) {
  const Recipe r = parse_recipe(kSource, "r.toml",
                                {"optimizer.lr=2.0", "schedule.kind=cosine", "schedule.steps=110", "schedule.warmup=10",
                                 "schedule.final_lr=0.1"});
  const ScheduleBorders borders = planned_borders(r);
  EXPECT_DOUBLE_EQ(learning_rate(r, borders, 4), 1.0);
  EXPECT_NEAR(learning_rate(r, borders, 59), 1.1, 1e-9);  // half way: the mean of both ends
  EXPECT_NEAR(learning_rate(r, borders, 109), 0.2, 1e-9);
}

}  // namespace
}  // namespace pent::train
