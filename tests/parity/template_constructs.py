"""Templates for make_template_cases.py, one per construct of Jinja: those that render, and those that jinja2 refuses."""

DATA = {"data": {"name": "Ada", "age": 36, "pi": 3.14159, "tags": ["b", "a", "C"], "items": "taken", "nested": {"x": {"y": [1, 2, 3]}},
                 "people": [{"name": "Bo", "age": 3, "on": True}, {"name": "al", "age": 41, "on": False}, {"name": "Cy", "age": 3}],
                 "text": "  Hello, wörld!\nSecond line\r\n\n<b>bold</b> & 'more' \"quotes\"  ", "nothing": None, "empty": [],
                 "odd": "a\u00a0b\u2028c\u200bd\x7f🙂\x01\\"}}

CONSTRUCTS = [
    # blocks
    ("macro", "{% macro greet(name, greeting='Hello', n=1) %}{{ greeting }}, {{ name }}{{ '!' * n }}{% endmacro %}"
              "{{ greet('A') }}|{{ greet('B', 'Hi') }}|{{ greet(name='C', n=3) }}|{{ greet() }}|{{ greet('D', n=2) | upper }}"),
    ("macro defaults see earlier parameters", "{% macro f(a, b=a ~ 'x') %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}{{ f(1, 2) }}"),
    ("macro recursion", "{% macro walk(v, depth=0) %}{% if v is mapping %}{% for k, x in v | items %}\n{{ '  ' * depth }}{{ k }}:"
                        "{{ walk(x, depth + 1) }}{% endfor %}{% elif v is string or v is number %} {{ v }}{% else %} {{ v | tojson }}"
                        "{% endif %}{% endmacro %}{{ walk(data.nested) }}{{ walk({'a': 1, 'b': {'c': 'd'}}) }}"),
    ("macro scope", "{% set x = 'outer' %}{% macro f() %}{{ x }}{% set x = 'inner' %}{{ x }}{% endmacro %}{{ f() }}{{ x }}"
                    "{% set x = 'later' %}{{ f() }}{% for i in [1, 2] %}{% set x = i %}{{ f() }}{% endfor %}"),
    ("macro sees later sets", "{% macro f() %}[{{ late }}]{% endmacro %}{{ f() }}{% set late = 1 %}{{ f() }}"),
    ("macro varargs and kwargs", "{% macro f(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, 3, k=4) }}{{ f(1) }}"),
    ("macro as a value", "{% macro f(x) %}<{{ x }}>{% endmacro %}{% set g = f %}{{ g(1) }}{{ ['a', 'b'] | map('upper') | map('lower') | join }}"
                         "{% set ns = namespace(f=f) %}{{ ns.f(2) }}{{ f is callable }}{{ 1 is callable }}"),
    ("call block", "{% macro box(title) %}[{{ title }}: {{ caller() }}]{% endmacro %}{% call box('T') %}in {{ 1 + 1 }}{% endcall %}"
                   "{% macro each(xs) %}{% for x in xs %}{{ caller(x, loop.index) }};{% endfor %}{% endmacro %}"
                   "{% call(x, i) each(['a', 'b']) %}{{ i }}={{ x }}{% endcall %}"),
    ("set block", "{% set x %}  a {{ 1 + 1 }}\n{% endset %}[{{ x }}]{% set y | trim | upper %}  b  {% endset %}[{{ y }}]{{ x is string }}"),
    ("filter block", "{% filter upper %}abc{{ 'd' }}{% endfilter %}{% filter replace('a', 'b') | indent(2, true) %}a\nca{% endfilter %}"),
    ("with", "{% set a = 1 %}{% with a = 2, b = a %}{{ a }}{{ b }}{% set c = 3 %}{% endwith %}{{ a }}{{ b is defined }}{{ c is defined }}"),
    ("raw", "a {% raw %}\n {{ x }} {% if %} {# #}\n  {% endraw %}\n b {%- raw -%}  {{ y }}  {%- endraw -%}  c\n  {% raw %}d{% endraw %}"),
    ("generation", "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% set z = 1 %}{% endgeneration %}{{ z is defined }}"
                   "{% endif %}{% endfor %}"),
    ("break and continue", "{% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}"
                           "{% for i in [1, 2] %}{% for j in 'abc' %}{% if j == 'b' %}{% break %}{% endif %}{{ i }}{{ j }}{% endfor %}{% else %}never{% endfor %}"),
    ("namespace", "{% set ns = namespace(n=0, found=false) %}{% for m in messages %}{% if m.role == 'tool' %}{% set ns.n = ns.n + 1 %}{% set ns.found = true %}"
                  "{% endif %}{% endfor %}{{ ns.n }}{{ ns.found }}{{ ns.absent is defined }}{{ ns['n'] }}{% set ns.new = [1] %}{{ ns.new }}{{ ns }}"
                  "{% set other = namespace({'a': 1}, b=2) %}{{ other.a + other.b }}{{ other is mapping }}{{ ns == ns }}{{ ns == other }}"),
    ("several variables", "{% for k, v in data.nested.items() %}{{ k }}{{ v }}{% endfor %}{% for a, b in [[1, 2], (3, 4), 'xy'] %}{{ b }}{{ a }}{% endfor %}"
                          "{% set a, b = 1, 'two' %}{{ a }}{{ b }}{% for (a, b) in [(1, 2)] %}{{ a + b }}{% endfor %}"),
    ("loop over what is around", "{% for x in 'abc' %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }}{{ loop.cycle('odd', 'even') }}{{ loop.depth }}"
                                 "{{ loop.previtem is defined }}{% endfor %}{% for x in [1, 2, 3, 4] if x is even %}{{ loop.index }}/{{ loop.length }}{{ loop.nextitem }}{% endfor %}"),
    ("loop over a tuple without brackets", "{% for x in 1, 'b', none %}{{ x }}{% endfor %}{{ 1, 2 }}{{ (1,) }}{{ () }}{{ (1, 'a')[1] }}"),
    ("loop over generators", "{% for x in data.people | selectattr('on') %}{{ x.name }}{{ loop.last }}{% endfor %}{% for k, v in data.nested | items %}{{ k }}{% endfor %}"),
    ("white space control within blocks", "{% macro f() -%}\n  a\n{%- endmacro %}\n  {%- set x -%} b {%- endset -%}\n {{- f() }}{{ x -}} \n c"),
    # expressions
    ("numbers", "{{ 1.5 }} {{ 1e3 }} {{ 2.0 }} {{ 1e100 }} {{ 1.5e-7 }} {{ 0.1 + 0.2 }} {{ 1 / 2 }} {{ 4 / 2 }} {{ 7.5 // 2 }} {{ -7.5 // 2 }} {{ 7.5 % 2 }} {{ -7.5 % 2 }}"
                " {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 2 ** 0.5 }} {{ -2 ** 2 }} {{ 2 ** 3 ** 2 }} {{ 1.0 == 1 }} {{ 1 < 1.5 }} {{ 3 * 1.5 }} {{ 1e16 }} {{ 123456789.125 }}"
                " {{ 1_0.2_5 }} {{ data.pi }} {{ 10 ** 15 }} {{ 1e22 }} {{ 0.0001 }} {{ 0.00001 }} {{ -0.0 }} {{ 1 - 0.9 }} {{ true + 1 }} {{ 5.0 // 2 }}"),
    ("chains of comparisons", "{{ 1 < 2 < 3 }}{{ 1 < 3 < 2 }}{{ 1 == 1 != 2 }}{{ 3 > 2 >= 2 }}{{ 1 in [1] == true }}{{ 1 < 2 == true }}"),
    ("order of lists", "{{ [1, 2] < [1, 3] }}{{ [1] < [1, 0] }}{{ (1, 'b') > (1, 'a') }}{{ [2] <= [1, 5] }}"),
    ("times", "{{ 'ab' * 3 }}{{ 2 * '-' }}{{ 'x' * 0 }}{{ 'x' * -1 }}{{ [1, 2] * 2 }}{{ (0,) * 3 }}"),
    ("slices with steps", "{{ 'añb🙂c'[::-1] }}{{ [1, 2, 3, 4, 5][::2] }}{{ [1, 2, 3, 4, 5][::-2] }}{{ [1, 2, 3, 4][3:0:-1] }}{{ 'abc'[-2:] }}{{ [1, 2, 3][:-1] }}"
                          "{{ 'abc'[5:] }}{{ 'abc'[-9:2] }}{{ [1, 2, 3][-1:-9:-1] }}{{ (1, 2, 3)[1:] }}{{ 'abc'[none:2] }}{{ [1, 2][:] }}"),
    ("items by number after a dot", "{{ [1, [2, 3]].1.0 }}{{ 'abc'.1 }}"),
    ("methods are attributes before entries", "{{ data.items is string }}{{ data['items'] }}{{ data.get('items') }}{{ data['get']('name') }}{{ data.keys() | list }}"),
    ("keys of all kinds", "{{ {1: 'a', none: 'b', (1, 2): 'c', true: 'd'} }}{{ {1: 'a'}[1] }}{{ {1: 'a', 1.0: 'b'} }}{{ 1 in {1: 2} }}{{ {'a': 1}.get('b', 7) }}{{ {'a': 1}.get('b') }}"),
    ("in, of all kinds", "{{ 'a' in ('a', 'b') }}{{ 'x' in data }}{{ 'name' in data }}{{ 1.0 in [1] }}{{ [1] in [[1]] }}{{ 'b' in data.tags | map('lower') }}{{ '' in 'a' }}"),
    ("equality", "{{ (1, 2) == [1, 2] }}{{ (1, 2) == (1, 2) }}{{ {'a': [1]} == {'a': [1.0]} }}{{ 'a' == none }}{{ [] == {} }}{{ 1 == '1' }}{{ none != false }}{{ '' == absent }}"),
    ("strings of many kinds in repr", "{{ [data.odd] }}{{ ['\\x85', 'tab\\t', \"it's\", 'q\"', '\\'\"', '\\033[0m', '\\xe9'] }}{{ [1.5, true, none, (1,), absent] }}"),
    ("concatenation", "{{ 1 ~ 2.5 ~ none ~ [1] ~ {'a': 1} ~ absent ~ true }}{{ 'a' ~ 'b' + 'c' ~ 'd' }}{{ (1 + 2) ~ 3 * 4 }}"),
    ("if else without else", "{{ 'a' ~ ('b' if false) ~ 'c' }}{{ ('x' if false) is defined }}{{ 1 if true else absent.x }}"),
    ("undefined", "{{ absent is defined }}{{ data.absent is defined }}{{ data.nested.x.z is defined }}{{ [][0] is defined }}{{ absent | list }}{{ absent | default('d') }}{{ absent or 'e' }}"
                  "{{ [absent] }}{{ absent ~ 'f' }}{{ absent == data.absent }}{{ not absent }}{{ absent | join(',') }}{{ data.absent | length }}"),
    # functions
    ("range", "{{ range(4) | list }}{{ range(2, 5) | list }}{{ range(5, 0, -2) | list }}{% for i in range(data.tags | length - 1, -1, -1) %}{{ i }}{% endfor %}{{ range(3)[1] }}{{ range(0) | list }}"),
    ("dict", "{{ dict(a=1, b='x') }}{{ dict({'a': 1}, a=2) }}{{ dict([('k', 'v')]) }}{{ dict(data.nested, z=1).z }}{{ dict() }}"),
    ("strftime_now", "{{ strftime_now('%Y-%m-%d %H:%M:%S') }}|{{ strftime_now('%d %b %Y') }}|{{ strftime_now('%B %-d, %A %j %y %I %p %%') }}|{{ strftime_now('no é') }}"),
    # methods
    ("strip", "[{{ data.text.strip() }}][{{ '  a '.lstrip() }}][{{ ' a  '.rstrip() }}][{{ 'xxaxx'.strip('x') }}][{{ 'abcba'.lstrip('ab') }}][{{ 'añña'.rstrip('ñaé') }}][{{ '\n\ta\u00a0'.strip() }}][{{ ' a '.strip(none) }}]"),
    ("split", "{{ 'a,b,,c'.split(',') }}{{ ' a  b \n c '.split() }}{{ 'a,b,c'.split(',', 1) }}{{ 'a b c '.split(none, 1) }}{{ 'abc'.split('x') }}{{ ''.split() }}{{ ''.split(',') }}"
              "{{ 'a</think>b</think>c'.split('</think>')[-1] }}{{ 'a,b,c'.rsplit(',', 1) }}{{ 'a b c'.rsplit(none, 1) }}{{ 'a b'.rsplit() }}{{ 'a,b'.split(sep=',', maxsplit=-1) }}"),
    ("splitlines and partition", "{{ data.text.splitlines() }}{{ ''.splitlines() }}{{ 'a\n'.splitlines() }}{{ 'k=v=w'.partition('=') }}{{ 'k=v=w'.rpartition('=') }}{{ 'k'.partition('=') }}{{ 'k'.rpartition('=') }}"),
    ("startswith and endswith", "{{ 'abc'.startswith('ab') }}{{ 'abc'.endswith('bc') }}{{ 'abc'.startswith(('x', 'a')) }}{{ 'abc'.endswith('') }}{{ 'abc'.startswith('abcd') }}"
                                "{{ 'abc'.removeprefix('a') }}{{ 'abc'.removesuffix('c') }}{{ 'abc'.removesuffix('x') }}"),
    ("replace", "{{ 'aXbXc'.replace('X', '--') }}{{ 'aaa'.replace('a', 'b', 2) }}{{ 'ab'.replace('', '.') }}{{ 'añb'.replace('', '-', 2) }}{{ 'abc'.replace('b', '') }}{{ 'a' | replace('a', 1) }}{{ 11 | replace('1', '2') }}"
                "{{ 'aaa' | replace('a', 'b', 1) }}"),
    ("cases", "{{ 'hello wORLD it\\'s'.title() }}{{ 'hello wORLD-it\\'s (ok)' | title }}{{ 'éCOLE x'.capitalize() }}{{ 'éCOLE X' | capitalize }}{{ 'aß'.upper() }}{{ 'ÀB'.lower() }}{{ '' | capitalize }}{{ 'x1y 2z' | title }}{{ 'x1y 2z'.title() }}"),
    ("find and count", "{{ 'añbñc'.find('ñ') }}{{ 'añbñc'.rfind('ñ') }}{{ 'abc'.find('x') }}{{ 'aaaa'.count('aa') }}{{ 'abc'.count('') }}{{ 'añbñc'.find('c') }}"),
    ("join method", "{{ ', '.join(['a', 'b']) }}{{ ''.join('abc') }}{{ '-'.join(data.tags | map('upper')) }}{{ ' '.join([]) }}"),
    ("kinds of characters", "{{ '12'.isdigit() }}{{ '1a'.isdigit() }}{{ ''.isdigit() }}{{ 'aé'.isalpha() }}{{ 'a1'.isalpha() }}{{ ' \n'.isspace() }}{{ 'aB'.islower() }}{{ 'ab1'.islower() }}{{ 'AB'.isupper() }}{{ '1'.isupper() }}{{ '7'.zfill(3) }}{{ '-7'.zfill(4) }}"),
    ("format method", "{{ '<{}|{}>'.format('a', 1) }}{{ '{1}{0}{1}'.format('a', 'b') }}{{ '{x} {{}} {y}'.format(x=1, y=[2]) }}{{ '{:.2f}'.format(3.14159) }}{{ '{:d}'.format(5) }}{{ '{0:s}'.format('q') }}"),
    ("dict methods", "{{ data.nested.keys() | list }}{{ data.nested.values() | list }}{{ data.nested.items() | list }}{{ data.get('name') }}{{ data.get('zz', 'def') }}{{ data.get('zz') }}{{ data.nested.copy() }}"),
    # filters
    ("safe and escape", "{{ '<b>' | safe + \"it's & <i>\" }}{{ '<' | e }}{{ '<' | escape | escape }}{{ '&' | safe | e }}{{ ('<' | safe) ~ '<' }}{{ ['<' | safe] }}{{ '<' + ('>' | safe) }}{{ ('<x> ' | safe).strip() + '<' }}"
                        "{{ ('a<b' | safe).split('<') }}{{ ('<' | safe | upper) + '<' }}{{ ('%s' | safe) % '<' }}{{ ('x' | safe).replace('x', '<') }}{{ ('x' | safe) | replace('x', '<') }}{{ ('<' | safe) is escaped }}"
                        "{{ ('{}' | safe).format('<') }}{{ ('<' | safe)[0] + '<' }}{{ ('<' | safe | string) + '<' }}{{ ('<' | safe | trim) + '<' }}{{ ['<' | safe, '<'] | join }}"),
    ("indent", "[{{ 'a\n\nb\n' | indent }}][{{ 'a\nb' | indent(2) }}][{{ 'a\nb' | indent(2, true) }}][{{ 'a\n\nb' | indent(2, blank=true) }}][{{ 'a\nb' | indent('> ', first=True) }}][{{ '' | indent(2, true) }}][{{ 'a\nb' | indent(width=1) }}]"),
    ("tojson with arguments", "{{ data.nested | tojson(indent=2) }}{{ data.nested | tojson(4) }}{{ data | tojson(ensure_ascii=True) }}{{ data.people | tojson(separators=(',', ':')) }}{{ data.nested | tojson(indent='\t') }}"
                              "{{ {'b': 1, 'a': {'d': 1, 'c': 2}} | tojson(sort_keys=True) }}{{ [] | tojson(indent=2) }}{{ {} | tojson(indent=2) }}{{ [[], {}] | tojson(indent=1) }}{{ (1, 2) | tojson }}{{ {1: 2, none: 3, true: 4} | tojson }}"
                              "{{ 1.0 | tojson }}{{ 1e100 | tojson }}{{ '🙂é\x7f/' | tojson(ensure_ascii=true) }}{{ 'a' | tojson(indent=none) }}{{ data.nested | tojson(indent=0) }}{{ [1, [2]] | tojson(indent=2, separators=(', ', ': ')) }}"),
    ("join with an attribute", "{{ data.people | join(', ', attribute='name') }}{{ data.tags | join(' | ') }}{{ [1, 2.5, none] | join('-') }}{{ 'abc' | join('.') }}{{ data.nested | join }}{{ data.people | join(',', 'age') }}"),
    ("first and last", "{{ data.tags | first }}{{ data.tags | last }}{{ 'añ' | last }}{{ [] | first is defined }}{{ [] | last is defined }}{{ (messages | last).role }}{{ data.tags | map('lower') | first }}"),
    ("list", "{{ 'añ' | list }}{{ data.nested | list }}{{ (1, 2) | list }}{{ data.nested.items() | list }}{{ data.nested | items | list }}"),
    ("map", "{{ data.people | map(attribute='name') | list }}{{ data.people | map(attribute='on', default='?') | list }}{{ data.tags | map('upper') | join(',') }}{{ ['a\nb'] | map('indent', 2) | list }}"
            "{{ [[1, 2], [3]] | map('length') | list }}{{ ['1', 'x'] | map('int', default=-1) | list }}{{ data.people | map(attribute='name.0') | list }}{{ [[1, 2]] | map(attribute=1) | list }}"),
    ("select and its relatives", "{{ [0, 1, '', 'a', none] | select | list }}{{ [0, 1, ''] | reject | list }}{{ [1, 2, 3, 4] | select('even') | list }}{{ [1, 2, 3] | reject('equalto', 2) | list }}{{ [1, 2, 3] | select('>', 1) | list }}"
                                 "{{ data.people | selectattr('age', 'equalto', 3) | map(attribute='name') | list }}{{ data.people | selectattr('on', 'defined') | list | length }}{{ data.people | rejectattr('on') | map(attribute='name') | list }}"
                                 "{{ messages | selectattr('role', 'in', ['tool']) | list | length }}{{ messages | rejectattr('role', '==', 'tool') | map(attribute='role') | unique | list }}{{ data.people | selectattr('on') | list | length }}"),
    ("sort", "{{ data.tags | sort }}{{ data.tags | sort(case_sensitive=true) }}{{ data.tags | sort(reverse=true) }}{{ data.people | sort(attribute='age') | map(attribute='name') | list }}{{ data.people | sort(attribute='age,name') | map(attribute='name') | list }}"
             "{{ [3, 1.5, 2] | sort }}{{ data.people | sort(attribute='age', reverse=true) | map(attribute='name') | list }}{{ 'bca' | sort }}{{ data.nested | sort }}"),
    ("dictsort", "{{ {'b': 1, 'A': 2, 'c': 0} | dictsort }}{{ {'b': 1, 'A': 2} | dictsort(true) }}{{ {'b': 1, 'A': 2} | dictsort(by='value') }}{{ {'b': 1, 'A': 2} | dictsort(reverse=true) }}{% for k, v in data.nested | dictsort %}{{ k }}{% endfor %}"),
    ("unique, min, max, sum", "{{ ['a', 'A', 'b', 'a'] | unique | list }}{{ ['a', 'A'] | unique(true) | list }}{{ [3, 1, 2] | min }}{{ [3, 1, 2] | max }}{{ ['b', 'A'] | min }}{{ [] | max is defined }}{{ [1, 2.5] | sum }}{{ data.people | sum(attribute='age') }}"
                              "{{ data.people | max(attribute='age') }}{{ [[1], [2]] | sum(start=[]) }}{{ data.people | unique(attribute='age') | map(attribute='name') | list }}"),
    ("reverse", "{{ 'añb' | reverse }}{{ [1, 2, 3] | reverse | list }}{% for m in messages | reverse %}{{ m.role }}{% endfor %}{{ (1, 2) | reverse | list }}"),
    ("int, float, round, abs", "{{ '42' | int }}{{ ' 7 ' | int }}{{ '3.9' | int }}{{ 'x' | int }}{{ 'x' | int(5) }}{{ 3.9 | int }}{{ -3.9 | int }}{{ none | int(2) }}{{ true | int }}{{ '1.5' | float }}{{ 'x' | float }}{{ 2 | float }}{{ '1e3' | float }}"
                               "{{ 2.5 | round }}{{ 3.5 | round }}{{ 2.675 | round(2) }}{{ 2.1 | round(0, 'ceil') }}{{ 2.19 | round(1, 'floor') }}{{ 7 | round }}{{ -5 | abs }}{{ -1.5 | abs }}{{ '-12' | int }}{{ '+3' | int }}"),
    ("format filter and percent", "{{ '%s-%d' | format('a', 3) }}{{ '%s' % 'x' }}{{ '%s and %s' % ('a', 1) }}{{ '%5.2f|%-5s|%05d|%%' % (3.14159, 'ab', -42) }}{{ '%(a)s' % {'a': 1} }}{{ '%(k)s' | format(k='v') }}{{ '%r' % 'it' }}{{ '%x%X' % (255, 255) }}{{ '%s' % [1] }}{{ '%d' % 3.9 }}{{ '%.2s' % 'añb' }}"),
    ("trim with characters", "[{{ 'xxaxx' | trim('x') }}][{{ '\u00a0 a \n' | trim }}][{{ 5 | trim }}]"),
    ("default", "{{ absent | default }}{{ data.nothing | default('d') }}{{ data.nothing | default('d', true) }}{{ absent | d(1) }}{{ '' | default('e', boolean=true) }}{{ absent | default(default_value='f') }}{{ data.absent | default([]) | length }}"),
    ("filters of nothing", "{{ [] | join(',') }}{{ '' | upper }}{{ none | string }}{{ [] | sort }}{{ {} | dictsort }}{{ '' | length }}{{ [] | map('upper') | list }}"),
    ("filters that jinja2 lacks, not applied", "{% if false %}{{ 1 | from_json }}{{ 1 is interesting }}{% endif %}{{ 'a' if true else 'b' | from_json }}"),
    ("map and select of what is false", "{{ none | map('upper') | list }}{{ none | selectattr('x') | list }}{{ false | reject('x') | list }}{{ 'yes' if none | select }}"),
    # tests
    ("tests with arguments", "{{ 6 is divisibleby(3) }}{{ 7 is divisibleby 3 }}{{ 3 is odd }}{{ 3 is even }}{{ 1 is eq 1 }}{{ 1 is ne(1) }}{{ 2 is gt 1 }}{{ 2 is lessthan 1 }}{{ 'a' is in ['a'] }}{{ 'b' is in('abc') }}{{ 1 is sameas 1 }}"
                             "{{ none is sameas none }}{{ 1 is sameas true }}{{ 'a' is not in ['a'] }}{{ 'x' is equalto 'x' }}{{ 3 is ge(3) and 2 is le 2 }}{{ 'abc' is lower }}{{ 'ABC' is upper }}{{ 'Abc' is lower }}"),
    ("tests of types", "{{ 1.5 is float }}{{ 1 is float }}{{ 1 is integer }}{{ true is integer }}{{ 1.5 is number }}{{ (1,) is sequence }}{{ (1,) is iterable }}{{ data.tags | map('upper') is iterable }}{{ data.tags | map('upper') is sequence }}"
                       "{{ data.get is callable }}{{ data.items() is mapping }}{{ none is iterable }}{{ absent is iterable }}{{ true is boolean }}{{ 0 is false }}{{ false is false }}{{ absent is none }}{{ '' is string }}{{ [] is string }}{{ 1 is mapping }}"),
    ("tests bind tighter", "{{ not 1 is string }}{{ 1 is integer and 2 is integer }}{{ ('a' is string) if true else 'b' }}{{ 1 + 1 is number }}{{ data.x is not defined or data.y }}{{ 'x' if data.name is string else 'y' }}"),
    ("generators are true", "{{ 'yes' if [] | map('upper') else 'no' }}{{ 'yes' if data.people | selectattr('name', 'equalto', 'nobody') else 'no' }}{{ 'yes' if data.people | selectattr('name', 'equalto', 'nobody') | list else 'no' }}"),
    # together
    ("tool calls", "{% for message in messages %}{% if message.tool_calls %}{% for call in message.tool_calls %}{{ loop.index }}:{{ call.function.name }}({% for k, v in call.function.arguments.items() %}{{ k }}={{ v | tojson }}"
                   "{{ ', ' if not loop.last }}{% endfor %}){{ call['id'][-3:] }}{% endfor %}{% elif message.role == 'tool' %}{{ message.name }} {{ message.content }}{% endif %}{% endfor %}"),
    ("tools", "{% for tool in tools %}{% set f = tool.function %}{{ f.name }}: {{ f.description }}{% for n, p in f.parameters.properties.items() %}\n- {{ n }} ({{ p.type }}{{ ', required' if n in f.parameters.required }})"
              "{% if p.enum is defined %} one of {{ p.enum | join('/') }}{% endif %}{% if 'default' in p %} = {{ p.default | tojson }}{% endif %}{% endfor %}{% endfor %}{{ tools | tojson(indent=2) }}"),
    ("last user message", "{% set ns = namespace(i=-1) %}{% for m in messages[::-1] %}{% if ns.i < 0 and m.role == 'user' %}{% set ns.i = messages | length - 1 - loop.index0 %}{% endif %}{% endfor %}{{ ns.i }}"),
]

REFUSED = [
    ("attribute of an undefined value", "{{ absent.x }}"),
    ("item of an undefined value", "{{ data.absent['x'] }}"),
    ("sum with an undefined value", "{{ 'a' + absent }}"),
    ("order of an undefined value", "{{ 1 < absent }}"),
    ("call of an undefined value", "{{ absent() }}"),
    ("call of a string", "{{ 'a'() }}"),
    ("loop over none", "{% for x in none %}{% endfor %}"),
    ("loop over a number", "{% for x in 5 %}{% endfor %}"),
    ("text and number", "{{ 'a' + 1 }}"),
    ("list and tuple", "{{ [1] + (2,) }}"),
    ("order of text and number", "{{ 'a' < 1 }}"),
    ("in of a number in text", "{{ 1 in 'a1' }}"),
    ("division by zero", "{{ 1 / 0 }}"),
    ("length of a number", "{{ 1 | length }}"),
    ("length of a generator", "{{ [] | map('upper') | length }}"),
    ("items of a list", "{{ [] | items | list }}"),
    ("tojson of an undefined value", "{{ absent | tojson }}"),
    ("tojson of a generator", "{{ [] | map('upper') | tojson }}"),
    ("raise_exception", "{{ raise_exception('Only ' ~ 'users!') }}"),
    ("append is not for templates", "{{ data.tags.append(1) }}"),
    ("pop is not for templates", "{{ data.pop('name') }}"),
    ("unknown filter", "{{ 1 | from_json }}"),
    ("map over a number", "{{ 5 | map('upper') | list }}"),
    ("first of none", "{{ none | first }}"),
    ("unknown test", "{{ 1 is interesting }}"),
    ("unknown block", "{% do 1 %}"),
    ("unknown argument of a filter", "{{ [1] | tojson(indentation=1) }}"),
    ("too many arguments of a macro", "{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}"),
    ("unknown argument of a macro", "{% macro f(a) %}{% endmacro %}{{ f(b=1) }}"),
    ("caller that is not used", "{% macro f() %}{% endmacro %}{% call f() %}{% endcall %}"),
    ("unpacking too many", "{% for a, b in [[1, 2, 3]] %}{% endfor %}"),
    ("setting into a mapping", "{% set data.name = 1 %}"),
    ("list as a key", "{{ {[1]: 2} }}"),
    ("range without an end", "{{ range() }}"),
    ("a range too long", "{{ range(1000000) | list }}"),
    ("split at nothing", "{{ 'a'.split('') }}"),
    ("break outside of a loop", "{% break %}"),
    ("too few values for a format", "{{ '%s%s' % ('a',) }}"),
    ("slice with step zero", "{{ [1][::0] }}"),
    ("order of mappings", "{{ [{}, {'a': 1}] | sort }}"),
]
