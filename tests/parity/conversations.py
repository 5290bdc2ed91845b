"""Twelve conversations that exercise chat templates: what apply_chat_template of transformers would be given."""

import json


def text(role, content, **more):
    return {"role": role, "content": content, **more}


def call(name, arguments, number):
    return {"id": f"call0000{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "The weather at a place, \"now\" or later.",
    "parameters": {"type": "object", "required": ["city"], "properties": {
        "city": {"type": "string", "description": "A town's name"},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "description": "Unit of the answer"},
        "days": {"type": "integer", "description": "How many days", "default": 1}}}}}
SEARCH = {"type": "function", "function": {
    "name": "search_shop", "description": "Searches the shop & gives <items>.",
    "parameters": {"type": "object", "required": ["query", "filters"], "additionalProperties": False, "properties": {
        "query": {"type": "string", "description": "Words – é, 漢字", "minLength": 1},
        "filters": {"type": "object", "description": "Limits", "required": ["max_price"], "properties": {
            "max_price": {"type": "number", "description": "At most", "default": 9.5},
            "in_stock": {"type": "boolean", "description": "Only what is there", "default": True},
            "brand": {"type": ["string", "null"], "description": "Maker", "default": None}}},
        "tags": {"type": "array", "description": "Labels", "items": {"type": "string"}},
        "sizes": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}}}}}
PLAIN = {"type": "function", "function": {"name": "ping", "description": "Answers.",
                                          "parameters": {"type": "object", "properties": {}}}}


def conversation(messages, tools=None, prompt=True, **variables):
    # functions and datetime: Firefunction's own, which its template cannot do without.
    extra = {"functions": json.dumps(tools or []), "datetime": "2026-03-07", **variables}
    return {"messages": messages, "tools": tools, "add_generation_prompt": prompt,
            "variables": {"bos_token": "<s>", "eos_token": "</s>", **extra}}


CONVERSATIONS = {
    "one question": conversation([text("user", "Why is the sky blue?")]),
    "system": conversation([text("system", "You are brief."), text("user", "  Name a colour. \n")]),
    "several turns": conversation([
        text("user", "Hi"), text("assistant", "Hello! How can I help?"), text("user", "Tell me a joke."),
        text("assistant", "Knock, knock."), text("user", "Who is there?")]),
    "system, several turns, no prompt": conversation([
        text("system", "Speak like a pirate.\nAlways."), text("user", "What's 1 < 2 && 3 > 2?"),
        text("assistant", "Arr, 'tis \"true\"."), text("user", "And 2 + 2?"), text("assistant", "4, matey.")], prompt=False),
    "tools": conversation([text("system", "Use the tools."), text("user", "Weather in Paris?")], tools=[WEATHER]),
    "tools that nest": conversation([text("user", "Find me shoes.")], tools=[SEARCH, WEATHER, PLAIN]),
    "tool call and result": conversation([
        text("user", "Weather in Paris and Rome?"),
        text("assistant", "", tool_calls=[call("get_weather", {"city": "Paris", "unit": "celsius", "days": 2}, 1)]),
        text("tool", "{\"temperature\": 21.5, \"sky\": \"clear\"}", name="get_weather", tool_call_id="call00001"),
        text("assistant", "It is 21.5 °C in Paris."), text("user", "Thanks!")], tools=[WEATHER]),
    "several calls at once": conversation([
        text("system", "Call in parallel."), text("user", "Shoes under 50.25, and the weather in Rome."),
        text("assistant", "Let me see.", tool_calls=[
            call("search_shop", {"query": "shoes é 漢", "filters": {"max_price": 50.25, "in_stock": True, "brand": None},
                                 "tags": ["a", "b\"c"]}, 1),
            call("get_weather", {"city": "Rome"}, 2)]),
        text("tool", "[]", name="search_shop", tool_call_id="call00001"),
        text("tool", "Rain, 12°", name="get_weather", tool_call_id="call00002")], tools=[SEARCH, WEATHER]),
    "unicode and nothing": conversation([
        text("user", "Ünïcödé – 漢字 🙂\u00a0\u2028 <|im_end|> {{ x }} {% y %}\ttab"), text("assistant", ""),
        text("user", "")]),
    "content in parts": conversation([
        text("system", [{"type": "text", "text": "You see text."}]),
        text("user", [{"type": "text", "text": "First part. "}, {"type": "text", "text": "Second part."}])]),
    "reasoning": conversation([
        text("user", "What is 17 * 23?"),
        text("assistant", "391", reasoning_content="17 * 20 = 340\n17 * 3 = 51"),
        text("user", "And plus one?"),
        text("assistant", "<think>\n391 + 1\n</think>\n\n392"),
        text("user", "Good.")], enable_thinking=True, thinking=True, reasoning_effort="high"),
    "answer begun, no thinking": conversation([
        text("system", ""), text("user", "Write a list."), text("assistant", "1. One\n2. ")],
        prompt=False, enable_thinking=False, thinking=False, reasoning_effort="low"),
}
