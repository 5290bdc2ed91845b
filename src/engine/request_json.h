// Requests as JSON (spec 44 §13), from files and later from endpoints: untrusted.
//
//   {"messages": [{"role": …, "content": …, "tool_calls": …, "tool_call_id": …, "name": …}, …]  or  "prompt": "…",
//    "tools": [{"type": "function", "function": {"name": …, "description": …, "parameters": JSON Schema}}, …],
//    "canvas": [{"text": "…"} | {"hole": {"id": "…", "length": N | {"min": N, "max": N} | "auto",
//               "constraint": {"regex" | "choice" | "chars" | "grammar" | "json_schema": …},
//               "init": "draft", "strength": 0.6, "priority": 0}}, …],
//    "budget": {"max_nfe": N, "deadline_ms": N}, "diffusion": {…}, and the other options of generation, in snake_case}
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "engine/request.h"

namespace pent {

// Throws kInvalidArgument, or kCorrupt for what is no JSON, in one line with the path: "WHERE: canvas[2].hole.length: …". Keys that are
// not known are refused by name.
Request parse_request(std::string_view json, const std::string& where);

// A request's tools alone, with the same errors.
Json parse_tools(std::string_view json, const std::string& where);

// What parse_request() reads as the same request; options that are as they are by default are left out.
Json to_json(const Request& request);

}  // namespace pent
