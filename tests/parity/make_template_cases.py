#!/usr/bin/env python3
"""Writes tests/cases/chat_template.case: templates, messages, and what jinja2 makes of them in the environment that
transformers sets up. What jinja2 refuses has null for a text.

    pip install jinja2
    make_template_cases.py
"""
import json
import pathlib

from conversations import CONVERSATIONS
from jinja_environment import NOW, environment
from template_constructs import CONSTRUCTS, DATA, REFUSED

OUT = pathlib.Path(__file__).resolve().parent.parent / "cases" / "chat_template.case"

TALK = [("system", "Be brief."), ("user", "  Hi there! \n"), ("assistant", "Hello, \"you\"."), ("user", "Tell me – a 'story' 🙂")]
PLAIN = [("user", "Hi")]

CHATML = """{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system
You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>
' }}{% endif %}{{'<|im_start|>' + message['role'] + '
' + message['content'] + '<|im_end|>' + '
'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant
' }}{% endif %}"""
LLADA = ("{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + "
         "'<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}"
         "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
         "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}")
OURS = ("{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}<|user|>{{ message['content'] | trim }}"
        "{% elif message['role'] == 'assistant' %}<|assistant|>{{ message['content'] | trim }}{{ eos_token }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}")

# Name, template; each is run with both talks.
TEMPLATES = [
    ("SmolLM2", CHATML),
    ("LLaDA", LLADA),
    ("embedded model", OURS),
    ("text only", "no tags at all { % } {"),
    ("last newline goes, the one before stays", "a\n\n"),
    ("carriage returns", "a\r\nb\rc{{ 'x\r\ny' }}\n"),
    ("trim_blocks and lstrip_blocks", "start\n   {% if true %}\n  yes {# note #}\n\t{% endif %}\n  end {{ 1 }}\n x"),
    ("comments", "a {# one\ntwo #} b\n  {# alone #}\nc {#- d -#}  e{##}"),
    ("dashes", "a  \n {%- if true -%}  \n b  {{- ' c ' -}}  d {%- endif -%}\n e"),
    ("pluses", "a\n  {%+ if true +%}\n  b\n  {%+ endif %}\nc"),
    ("print tags keep white space", "a \n  {{ 1 }}\n  {{- 2 }}\n{{ 3 -}}\n\n x"),
    ("block after text on the line", "  x {% if true %}\ny\n{% endif %}  \n  {% if true %}z{% endif %}"),
    ("loop variables", "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}"
                       "{{ loop.last }}{{ loop.length }};{% endfor %}"),
    ("loop with a filter and an else", "{% for m in messages if m.role == 'assistant' %}{{ loop.index }}{{ m.content }}{% else %}none{% endfor %}"),
    ("loop over text, mapping, nothing", "{% for c in 'añ🙂' %}[{{ c }}]{% endfor %}{% for k in {'a': 1, 'b': 2} %}{{ k }}{% endfor %}"
                                         "{% for x in nothing %}x{% else %}empty{% endfor %}{% for x in [] %}x{% else %}e{% endfor %}"),
    ("nested loops", "{% for m in messages %}{% for n in [1, 2] %}{{ loop.index }}{{ loop.last }}{% endfor %}{{ loop.index }}{% endfor %}"),
    ("set is local to a turn", "{% set x = 1 %}{% for m in messages %}{{ x }}{% set x = x + 1 %}{{ x }};{% endfor %}{{ x }}"),
    ("set within if is not", "{% if true %}{% set y = 'in' %}{% endif %}{{ y }}"),
    ("elif", "{% for m in messages %}{% if m.role == 'user' %}U{% elif m.role == 'system' %}S{% elif true %}T{% else %}E{% endif %}{% endfor %}"),
    ("attribute and item", "{{ messages[0].role }}{{ messages[-1]['role'] }}{{ messages[99] }}{{ messages[0]['absent'] }}{{ messages[0].absent }}"
                           "{{ 'añb'[1] }}{{ 'abc'[-1] }}{{ {'a': {'b': 7}}.a['b'] }}"),
    ("slices", "{{ 'añbcd'[1:3] }}{{ 'abc'[:-1] }}{{ 'abc'[5:] }}{% for m in messages[1:] %}{{ m.role }}{% endfor %}{{ [1,2,3][:2] }}{{ [1,2][1:0] }}"),
    ("comparison", "{{ 1 < 2 }}{{ 2 <= 1 }}{{ 'a' < 'b' }}{{ 'a' >= 'b' }}{{ 1 == true }}{{ '1' == 1 }}{{ none == none }}{{ [1, 'a'] == [1, 'a'] }}"
                   "{{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }}{{ 1 != 2 }}{{ 3 > 2 }}{{ absent == absent }}{{ absent == none }}"),
    ("logic", "{{ true and false }}{{ 1 and 'x' }}{{ 0 or 'y' }}{{ '' or [] }}{{ not 1 }}{{ not '' }}{{ not true or true }}{{ not (true or true) }}"
              "{{ none or 0 }}{{ false and undefined_thing.x }}"),
    ("in", "{{ 'b' in 'abc' }}{{ 'x' not in 'abc' }}{{ 1 in [1, 2] }}{{ 'role' in messages[0] }}{{ 3 not in [1, 2] }}{{ 'x' in nothing }}{{ not 1 in [1] }}"),
    ("plus and tilde", "{{ 1 + 2 }}{{ 'a' + 'b' }}{{ 1 ~ 2 ~ 'x' ~ none ~ true ~ absent }}{{ [1] + [2] }}{{ 'a' ~ (1 + 2) }}"),
    ("arithmetic", "{{ 7 - 10 }} {{ 2 * 3 + 4 }} {{ 2 + 3 * 4 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ -2 - -3 }} {{ (1 + 2) * 3 }} {{ 1_000 }} {{ --1 }}"),
    ("if else in an expression", "{{ 'a' if true else 'b' }}{{ 'a' if false else 'b' }}[{{ 'a' if false }}]{{ 1 if 0 else 2 if 0 else 3 }}"),
    ("is", "{{ x is defined }}{{ messages is defined }}{{ x is not defined }}{{ x is undefined }}{{ none is none }}{{ 'a' is string }}{{ 1 is string }}"
           "{{ {} is mapping }}{{ [] is mapping }}{{ 1 is number }}{{ true is number }}{{ true is integer }}{{ 'a' is iterable }}{{ 1 is iterable }}"
           "{{ [] is sequence }}{{ true is boolean }}{{ true is true }}{{ 1 is true }}{{ false is false }}{{ not x is defined }}{{ 1 + 1 is number }}"),
    ("filters", "{{ '  a b \n' | trim }}|{{ 'añ🙂' | length }}|{{ messages | length }}|{{ {} | length }}|{{ absent | default('d') }}|{{ '' | default('d') }}|"
                "{{ '' | default('d', true) }}|{{ none | default('d') }}|{{ ['a', 1, none] | join('-') }}|{{ [] | join }}|{{ ['a', 'b'] | join }}|"
                "{{ 'Straße éα' | upper }}|{{ 'ÀÉ İ' | lower }}|{{ 1 | string + 'x' }}|{{ ' a ' | trim | length }}|{{ \"a'b\" | trim }}|{{ absent | length }}"),
    ("filter binds tighter than plus", "{{ ' a ' + ' b ' | trim + ' c ' }}{{ -1 | string }}"),
    ("tojson", "{{ messages | tojson }}{{ 'q\"\\\\\n\t\u00e9\u2028\x7f\x01' | tojson }}{{ [1, true, none, {'a': []}] | tojson }}{{ '<a href=\\'x\\'>&' | tojson }}"),
    ("printed containers", "{{ [1, 'a', none, true] }}{{ {'k': 'v', 'l': [\"it's\", 'say \"x\"', 'both \\' \"', 'n\n\\\\']} }}{{ [] }}{{ {} }}"),
    ("literals", "{{ 'it\\'s' }}{{ \"a\\\"b\" }}{{ '\\n\\t\\\\\\x41\\u00e9\\U0001F642\\q' }}{{ 'a' 'b' }}{{ [1, 2,] }}{{ {'a': 1,} }}{{ True }}{{ False }}{{ None }}{{ '}}' }}{{ \"%}\" }}"),
    ("brackets before the end of the tag", "{{ {'a': {'b': 1}}['a']['b'] }}{{ [[1]][0][0] }}"),
    ("undefined is falsy and prints nothing", "[{{ absent }}]{% if absent %}x{% else %}y{% endif %}{% if not absent %}z{% endif %}"),
    ("add_generation_prompt and tokens", "{{ add_generation_prompt }}{{ bos_token }}{{ eos_token }}"),
    ("empty", ""),
]


def render(template, fields):
    return environment().from_string(template).render(
        messages=fields["messages"], tools=fields["tools"], documents=None,
        add_generation_prompt=fields["add_generation_prompt"], **fields["variables"])


def cases():
    tokens = {"bos_token": "<s>", "eos_token": "</s>"}
    for name, template in TEMPLATES:
        for talk in (TALK, PLAIN):
            if talk is PLAIN and "messages" not in template and "prompt" not in template:
                continue
            messages = [{"role": role, "content": content} for role, content in talk]
            yield name, template, {"messages": messages, "tools": None, "add_generation_prompt": talk is PLAIN,
                                   "variables": tokens}
    for name, template in CONSTRUCTS + REFUSED:
        for talk in ([CONVERSATIONS["several calls at once"]] if "message" in template or "tools" in template else
                     [{"messages": [], "tools": None, "add_generation_prompt": True}]):
            yield name, template, {**talk, "variables": {**tokens, **(DATA if "data" in template else {})}}


def main():
    refused = {name for name, _ in REFUSED}
    blocks = []
    for name, template, fields in cases():
        try:
            expected = render(template, fields)
        except Exception as problem:
            if name not in refused:
                raise SystemExit(f"{name}: jinja2 refuses: {problem}")
            expected = None
        else:
            if name in refused:
                raise SystemExit(f"{name}: jinja2 renders {expected!r}")
        values = {"template": template, **fields, "expected": expected}
        blocks.append("\n".join([f"# {name}"] + [f"{key}: {json.dumps(value, ensure_ascii=False)}"
                                                 for key, value in values.items()]) + "\n")
    head = f"Made by tests/parity/make_template_cases.py with jinja2, at {NOW:%Y-%m-%d %H:%M:%S} local time. Values are JSON.\n\n"
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(head + "\n".join(blocks), encoding="utf-8")


if __name__ == "__main__":
    main()
