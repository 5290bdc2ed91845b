// A trace as JSON lines, and back. Schema 2, one object a line (schema 1, without "splices", is read too):
//   {"schema":2,"event":"begin","n":0,"model":…,"preset":…,"seed":…,"prompt_tokens":…,"block":[b,e],"cells":[…]}
//   {"event":"step","n":0,"seconds":…,"step":1,"nfe":1,"block":[b,e],"cells":[…],"splices":[[c,r,i],…]}
//   {"event":"end","n":0,"seconds":…,"step":…,"nfe":…,"finish_reason":"stop","tokens":12}
// A cell: {"cell":5,"token":17,"text":" the","state":"committed","confidence":0.93}. "text" is what the token stands for; when
// its bytes are not valid UTF-8 by themselves, an array of bytes. "begin" has every cell, "step" those that changed.
// "tokens": how many cells the answer has, from the first on that "begin" does not fix; cells behind it only fill the canvas.
// "splices", where cells came or went: from cell c on r went and i masked ones came, one splice after the other; "cells" counts
// as it is after them and has the ones that came.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sample/trace.h"

namespace pent {

struct TraceHeader {
  std::string model;
  std::string preset;
  uint64_t seed = 0;
  int prompt_tokens = 0;
};

// A TraceSink that hands each event to `write` as one line, newline included. `token_bytes` gives a token's bytes.
TraceSink make_trace_writer(TraceHeader header, std::function<std::string_view(int32_t)> token_bytes,
                            std::function<void(std::string_view)> write);

struct RecordedTrace {
  TraceHeader header;
  std::vector<TraceEvent> events;
  std::map<int32_t, std::string> token_bytes;  // of every token that occurs
};

// Throws kCorrupt naming WHERE:LINE and what is wrong; kUnsupported for another schema. What it returns can be painted.
RecordedTrace read_trace(std::string_view text, const std::string& where);

}  // namespace pent
