"""What the goldens are made on. All written for this purpose."""

TEXTS = [
    "The lighthouse keeper counted the ships at dusk: seven going out, six coming home.",
    "def mean(values):\n    if not values:\n        raise ValueError('empty')\n    return sum(values) / len(values)\n",
    "In 2024 the bridge was closed for 131 days; 48,200 cars a week had to take the long way round.",
    "猫在窗台上睡觉。雨下了一整天，但是屋子里很暖和。",
    "Der Zug nach Köln hat heute 17 Minuten Verspätung, weil Kühe auf den Gleisen stehen.",
    "🙂👩‍🚀 emoji 🎉🎉 and flags 🇩🇪🇯🇵 between words",
    '{"name": "tide", "rows": [1, 2.5, -3e-4], "ok": true, "none": null}',
    "e\u0301 a\u0308 n\u0303 are letters with combining marks; é ä ñ are not.",
    "    four spaces,\ttab,\r\nnewline,  two  spaces  and trailing   ",
    "Q: What is 12 times 13?\nA: 12 times 13 is",
    "#include <vector>\nint main() {\n  std::vector<int> v{3, 1, 2};\n  return v[0];  // three\n}\n",
    "Она сказала: «Завтра будет теплее», и закрыла окно.",
    "again and again and again and again and again and again and again and again and again and again",
    "x",
    "<|im_start|>user\nName three colours.<|im_end|>\n<|im_start|>assistant\n",
    "SELECT name, COUNT(*) FROM boats WHERE length > 12.5 GROUP BY name ORDER BY 2 DESC;",
    "Once upon a time a small fox found a key under the oldest tree in the wood. \"Whose are you?\" she asked. "
    "The key said nothing, as keys do, so she carried it from door to door until one of them opened.",
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n- first\n- second\n\n> quoted",
    "日本語とEnglishが混ざった文。カタカナもひらがなも123もある。",
    "Let f(x) = x^2 - 4x + 3. Its roots are x = 1 and x = 3, since f(x) = (x - 1)(x - 3).",
]

PROMPTS = [
    "Write a short story about a snail who wants to see the sea.",
    "Explain why the sky is blue to a ten year old.",
    "List five things to pack for a week in the mountains.",
    "Write a Python function that reverses the words of a sentence.",
    "What is the difference between a lake and a pond?",
    "Give me a recipe for pancakes.",
    "Who invented the printing press, and why did it matter?",
    "Translate to French: The library opens at nine.",
    "Describe how a bicycle stays upright.",
    "Write a polite letter asking a neighbour to turn the music down.",
]

CONVERSATIONS = [
    [{"role": "user", "content": "Hello!"}],
    [{"role": "system", "content": "Answer in one word."}, {"role": "user", "content": "Capital of Peru?"}],
    [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}, {"role": "user", "content": "and\n3+3?"}],
    [{"role": "user", "content": "  spaces kept  "}],
    [{"role": "user", "content": ""}],
    [{"role": "system", "content": "<tags> & \"quotes\" {{ not a template }}"}, {"role": "user", "content": "naïve 猫 🙂"}],
]
