"""Random regular expressions, JSON Schemas and grammars, each with an independent judge: Python's re, jsonschema and lark."""
import json
import random
import re

import jsonschema
import lark


def random_regex(rng, depth=0):
    kind = rng.randrange(4 if depth > 3 else 10)
    if kind < 2:
        return "".join(rng.choice("abcdefg ,.:xyz0189-").replace(".", r"\.").replace("-", r"\-") for _ in range(rng.randint(1, 5)))
    if kind == 2:
        return rng.choice([r"\d", r"\w", "[a-z]", "[A-Z]", "[^a-m]", ".", r"\s", "[é-ü]", r"[^\d\s]", "[ab,]"])
    if kind == 3:
        return rng.choice(["cat", "Once upon", "né", "the ", "\\n", r"\$\d{1,3}"])
    if kind < 6:
        return "(" + "|".join(random_regex(rng, depth + 1) for _ in range(rng.randint(2, 3))) + ")"
    if kind < 8:
        return "(?:" + random_regex(rng, depth + 1) + ")" + rng.choice(["*", "+", "?", "{2}", "{1,3}", "{0,8}", "{2,}"])
    return random_regex(rng, depth + 1) + random_regex(rng, depth + 1)


PATTERNS = {r"^[a-z]{2,6}$": "aa", r"^\d{3}-\d{4}$": "000-0000", r"^[A-Z][a-z]+( [A-Z][a-z]+)?$": "Aa", r"^.{1,9}$": "a",
            '^"?[^\\\\]*$': "", "a": "a"}
FORMATS = {"date": "2000-01-01", "time": "00:00:00Z", "date-time": "2000-01-01T00:00:00Z",
           "uuid": "00000000-0000-0000-0000-000000000000", "ipv4": "0.0.0.0", "email": "a@b.cc"}


def some_value(schema):
    """A short value that the schema of random_schema() allows."""
    if "enum" in schema:
        return min(schema["enum"], key=lambda value: len(json.dumps(value, ensure_ascii=False)))
    if "anyOf" in schema:
        return min((some_value(each) for each in schema["anyOf"] if "$ref" not in each), key=lambda value: len(json.dumps(value)))
    kind = schema["type"]
    if isinstance(kind, list):
        kind = min(kind, key=["integer", "string", "null", "boolean"].index)
    if kind == "string":
        given = PATTERNS.get(schema.get("pattern")) or FORMATS.get(schema.get("format"))
        return given or "a" * schema.get("minLength", 0)
    if kind == "array":
        return [some_value(schema["items"])] * schema["minItems"]
    if kind == "object":
        return {name: some_value(schema["properties"][name]) for name in schema["properties"] if name in schema["required"]}
    return {"null": None, "boolean": True}.get(kind, schema.get("minimum", 0))


def random_schema(rng, depth=0):
    kind = rng.randrange(8 if depth > 2 else 12)
    if kind == 0:
        return {"type": "boolean"}
    if kind == 1:
        schema = {"type": "integer"}
        if rng.random() < 0.6:
            schema["minimum"] = rng.randint(-200, 200)
            schema["maximum"] = schema["minimum"] + rng.randint(0, 500)
        return schema
    if kind == 2:
        low = rng.randint(-5, 5)
        return rng.choice([{"type": "number"}, {"type": "number", "minimum": low, "exclusiveMaximum": low + rng.randint(2, 9)}])
    if kind == 3:
        schema = {"type": "string"}
        if rng.random() < 0.5:
            schema["minLength"] = rng.randint(0, 4)
            schema["maxLength"] = schema["minLength"] + rng.randint(0, 12)
        return schema
    if kind == 4:
        return {"type": "string", "pattern": rng.choice(list(PATTERNS))}
    if kind == 5:
        return {"enum": rng.sample(["red", "grün", "a\"b", 1, 2.5, None, True, ["x", 1], {"k": "v"}], rng.randint(1, 4))}
    if kind == 6:
        return {"type": rng.sample(["null", "boolean", "integer", "string"], 2)}
    if kind == 7:
        return {"type": "string", "format": rng.choice(list(FORMATS))}
    if kind == 8:
        low = rng.randint(0, 2)
        return {"type": "array", "items": random_schema(rng, depth + 1), "minItems": low, "maxItems": low + rng.randint(0, 3)}
    if kind == 9:
        return {"anyOf": [random_schema(rng, depth + 1) for _ in range(2)]}
    names = rng.sample(["name", "age", "tags", "größe", "id", "next", "a b", "x\"y"], rng.randint(1, 4))
    schema = {"type": "object", "properties": {name: random_schema(rng, depth + 1) for name in names},
              "required": [name for name in names if rng.random() < 0.6]}
    if rng.random() < 0.3:
        schema["additionalProperties"] = False
    if depth == 0 and rng.random() < 0.2:
        schema["properties"]["child"] = {"anyOf": [{"type": "null"}, {"$ref": "#"}]}
    return schema


def random_grammar(rng):
    """(GBNF, lark) of one random grammar. Rule i may use the rules behind it, and behind a terminal any rule: recursion."""
    count = rng.randint(2, 4)
    names = ["root"] + [f"r{i}" for i in range(1, count)]

    def terminal():
        return rng.choice([('"a"', '"a"'), ('"b"', '"b"'), ('","', '","'), ('" t"', '" " "t"'), ('"["', '"["'), ('"\\n"', '"\\n"'),
                           ('[a-z]', '/[a-z]/'), ('[0-9]', '/[0-9]/'), ('[^a-z]', '/[^a-z]/s'), ('"é"', '"é"')])

    def item(i, later, depth):
        kind = rng.randrange(6)
        if kind < 3 or depth > 1:
            return terminal()
        if kind == 3:
            pool = names if later else names[i + 1:]
            return (lambda n: (n, n))(rng.choice(pool)) if pool else terminal()
        inside = alternatives(i, later, depth + 1)
        group = ("(" + inside[0] + ")", "(" + inside[1] + ")")
        if kind == 4:
            return group
        # Repetition of what may be empty has endless derivations, which lark lists.
        first = terminal()
        inside = alternatives(i, True, depth + 1)
        group = (f"({first[0]} ({inside[0]}))", f"({first[1]} ({inside[1]}))")
        gbnf, of_lark = rng.choice([("*", "*"), ("+", "+"), ("?", "?"), ("{1,3}", "~1..3"), ("{2}", "~2")])
        return group[0] + gbnf, group[1] + of_lark

    def sequence(i, later, depth):
        items = []
        for _ in range(rng.randint(1, 2)):
            # Behind a terminal of this sequence nothing is left recursion.
            items.append(item(i, later or bool(items and items[0][0][0] in '"['), depth))
        return " ".join(x[0] for x in items), " ".join(x[1] for x in items)

    def alternatives(i, later, depth):
        parts = [sequence(i, later, depth) for _ in range(rng.randint(1, 2))]
        return " | ".join(x[0] for x in parts), " | ".join(x[1] for x in parts)

    rules = []
    for i, name in enumerate(names):
        gbnf, of_lark = alternatives(i, False, 0)
        end = terminal()  # every rule can end
        rules.append((name, gbnf + " | " + end[0], of_lark + " | " + end[1]))
    return ("\n".join(f"{n} ::= {g}" for n, g, _ in rules), "\n".join(f"{n}: {l}" for n, _, l in rules))


def random_pair(rng):
    """A request's kind and text, a function that says what is wrong with an answer (or nothing), and how many bytes are enough for some
    text of it: as many cells are too, for every byte is a token."""
    kind = rng.choice(["regex", "json_schema", "grammar"])
    if kind == "regex":
        pattern = random_regex(rng)
        enough = 2 * re._parser.parse(pattern).getwidth()[0]  # characters of random_regex() have two bytes at most
        return kind, pattern, lambda text: None if re.fullmatch(pattern, text, re.ASCII) else "does not match", enough
    if kind == "json_schema":
        schema = random_schema(rng)

        def check_json(text):
            try:
                jsonschema.Draft202012Validator(schema).validate(json.loads(text))
            except Exception as problem:  # whatever the judge says
                return str(problem)[:200]

        shortest = json.dumps(some_value(schema), ensure_ascii=False)
        assert check_json(shortest) is None, shortest
        return kind, json.dumps(schema, ensure_ascii=False), check_json, len(shortest.encode())
    gbnf, of_lark = random_grammar(rng)

    def check_grammar(text):
        try:
            lark.Lark(of_lark, start="root", parser="earley", lexer="dynamic", ambiguity="forest").parse(text)
        except lark.exceptions.UnexpectedInput as problem:
            return str(problem)[:200]

    return kind, gbnf, check_grammar, 2  # any rule may be a terminal of one or two bytes
