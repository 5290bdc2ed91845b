#include <gtest/gtest.h>

#include "base/error.h"
#include "sample/trace_json.h"

namespace pent {
namespace {

const std::string kBegin =
    R"({"schema":2,"event":"begin","n":0,"model":"m","preset":"llada","seed":7,"prompt_tokens":1,"block":[1,3],"cells":[)"
    R"({"cell":0,"token":4,"text":"Hi","state":"fixed","confidence":0.0},)"
    R"({"cell":1,"token":9,"text":"<mask>","state":"masked","confidence":0.0}]})"
    "\n";
const std::string kStep = R"({"event":"step","n":0,"seconds":0.25,"step":1,"nfe":1,"block":[1,3],"cells":[)"
                          R"({"cell":1,"token":5,"text":" you","state":"committed","confidence":0.75}]})"
                          "\n";
const std::string kEnd = R"({"event":"end","n":0,"seconds":0.5,"step":1,"nfe":1,"finish_reason":"stop","tokens":1})"
                         "\n";

std::string with(std::string line, const std::string& from, const std::string& to) {
  return line.replace(line.find(from), from.size(), to);
}

TEST(Trace, WrittenLinesAreTheDocumentedOnes) {
  std::string lines;
  const TraceSink writer = make_trace_writer(
      {"m", "llada", 7, 1}, [](int32_t token) { return token == 4   ? "Hi"
                                                       : token == 9 ? "<mask>"
                                                                    : " you"; },
      [&](std::string_view line) { lines += line; });
  writer({.kind = TraceEvent::Kind::kBegin,
          .block_begin = 1,
          .block_end = 3,
          .changes = {{0, 4, 0, CellState::kFixed}, {1, 9, 0, CellState::kMasked}}});
  writer({.seconds = 0.25,
          .step = 1,
          .nfe = 1,
          .block_begin = 1,
          .block_end = 3,
          .changes = {{1, 5, 0.75f, CellState::kCommitted}}});
  writer({.kind = TraceEvent::Kind::kEnd, .seconds = 0.5, .step = 1, .nfe = 1, .finish_reason = "stop", .tokens = 1});
  EXPECT_EQ(lines, kBegin + kStep + kEnd);
}

TEST(Trace, WhatWasWrittenIsReadBack) {
  const RecordedTrace trace = read_trace(kBegin + kStep + kEnd, "t");
  EXPECT_EQ(trace.header.model, "m");
  EXPECT_EQ(trace.header.seed, 7u);
  EXPECT_EQ(trace.header.prompt_tokens, 1);
  ASSERT_EQ(trace.events.size(), 3u);
  EXPECT_EQ(trace.events[1].changes.at(0).confidence, 0.75f);
  EXPECT_EQ(trace.events[2].finish_reason, "stop");
  EXPECT_EQ(trace.events[2].tokens, 1);
  EXPECT_EQ(read_trace(kBegin + kStep + with(kEnd, ",\"tokens\":1", ""), "t").events[2].tokens, -1)
      << "written before it was told";
  EXPECT_EQ(trace.token_bytes.at(5), " you");
}

TEST(Trace, AnAutoregressiveCanvasGrows) {
  std::string step = kStep;
  step.replace(step.find("\"cell\":1"), 8, "\"cell\":2");
  std::vector<Cell> cells;
  for (const TraceEvent& event : read_trace(kBegin + step, "t").events) paint(cells, event);
  EXPECT_EQ(cells.size(), 3u);
  EXPECT_EQ(cells[2].token, 5);
}

std::string problem(const std::string& lines) {
  try {
    read_trace(lines, "t");
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Trace, CellsThatComeAndGoAreMovedBeforeTheChanges) {
  std::string lines;
  const TraceSink writer = make_trace_writer(
      {"m", "daedal", 7, 1}, [](int32_t) { return ""; }, [&](std::string_view line) { lines += line; });
  writer({.step = 1,
          .nfe = 1,
          .block_begin = 1,
          .block_end = 3,
          .changes = {{0, 5, 0.75f, CellState::kCommitted}, {1, 9, 0, CellState::kMasked}},
          .splices = {{2, 0, 1}, {0, 1, 0}}});
  EXPECT_NE(lines.find("\"splices\":[[2,0,1],[0,1,0]]"), std::string::npos);
  std::vector<Cell> cells;
  for (const TraceEvent& event : read_trace(kBegin + lines, "t").events) paint(cells, event);
  ASSERT_EQ(cells.size(), 2u);  // "Hi" went, one mask came behind the other
  EXPECT_EQ(cells[0].token, 5);
  EXPECT_EQ(cells[1].state, CellState::kMasked);
}

TEST(Trace, ATraceOfTheFirstSchemaIsRead) {
  std::string begin = kBegin;
  begin.replace(begin.find("\"schema\":2"), 10, "\"schema\":1");
  EXPECT_EQ(read_trace(begin + kStep + kEnd, "t").events.size(), 3u);
}

TEST(Trace, BrokenTracesAreRefusedNamingTheLine) {
  EXPECT_EQ(problem(""), "t: an empty trace; expected a begin line");
  EXPECT_EQ(problem(kStep), "t:1: a trace starts with a begin line, not with 'step'");
  EXPECT_EQ(problem(with(kBegin, "\"schema\":2", "\"schema\":3")),
            "t:1: trace schema 3; this build reads schemas 1 to 2");
  EXPECT_EQ(problem(kBegin + kBegin), "t:2: answer 0 begins a second time");
  EXPECT_EQ(problem(kBegin + with(kStep, "\"n\":0", "\"n\":1")), "t:2: answer 1 has not begun");
  EXPECT_EQ(problem(kBegin + with(kStep, "\"cell\":1", "\"cell\":3")), "t:2: \"cell\" is 3; expected 0 to 2");
  EXPECT_EQ(problem(kBegin + with(kStep, "\"cell\":1", "\"cell\":-1")), "t:2: \"cell\" is -1; expected 0 to 2");
  EXPECT_EQ(problem(kBegin + with(kStep, "0.75", "1.75")), "t:2: \"confidence\" is 1.75; expected 0 to 1");
  EXPECT_EQ(problem(kBegin + with(kStep, "committed", "done")),
            "t:2: \"state\" is 'done'; expected fixed, masked, noisy, soft or committed");
  EXPECT_EQ(problem(kBegin + with(kStep, "[1,3]", "[3,1]")), "t:2: \"block\" is [3, 1]; expected 0 <= begin <= end");
  EXPECT_EQ(problem(with(kBegin, "\"cell\":0", "\"cell\":1")), "t:1: \"cell\" is 1; expected 0 to 0");
  EXPECT_EQ(problem(kBegin + kStep + with(kEnd, "\"tokens\":1", "\"tokens\":3")),
            "t:3: \"tokens\" is 3; expected 0 to 2");
  EXPECT_EQ(problem(kBegin + with(kStep, "\" you\"", "[300]")), "t:2: \"text\" holds something that is not a byte");
  for (const char* splice : {"[3,0,1]", "[-1,0,1]", "[0,3,0]", "[0,-1,0]", "[0,0,-1]", "[0,0,16777216]", "[0,0,9999]"})
    EXPECT_NE(problem(kBegin + with(kStep, "]}", std::string("],\"splices\":[") + splice + "]}"))
                  .find("does not fit a canvas of 2 cells"),
              std::string::npos)
        << splice;
  EXPECT_EQ(problem(kBegin + with(kStep, "]}", "],\"splices\":[[1,2]]}")),
            "t:2: \"splices\" is not an array of [cell, removed, inserted]");
  EXPECT_NE(problem(kBegin + "{\"event\":").find("t:2: not valid JSON"), std::string::npos);
  EXPECT_NE(problem(kBegin + "[]").find("t:2: "), std::string::npos);
}

TEST(Trace, ATraceCutAnywhereIsReadOrRefused) {
  const std::string lines = kBegin + kStep + kEnd;
  for (size_t size = 0; size < lines.size(); ++size) problem(lines.substr(0, size));
}

}  // namespace
}  // namespace pent
