"""Chat templates that compile, and some that do not, with Jinja's words."""

import pytest

GOOD = [
    pytest.param("{% for m in messages %}{{ m['content'] | trim }}{% endfor %}", id="a loop"),
    pytest.param("no template at all", id="plain text"),
    pytest.param("{% generation %}{{ x }}{% endgeneration %}", id="transformers' own block"),
    pytest.param("{% for m in x %}{% if m %}{% continue %}{% endif %}{% break %}{% endfor %}", id="loop controls"),
    pytest.param("{{ raise_exception('no') }}{{ strftime_now('%d') }}{{ x | tojson(indent=2) }}", id="its functions"),
    pytest.param("{% include 'other' %}{{ undefined.attribute }}", id="what only fails when it is rendered"),
]
BAD = [
    pytest.param("a\n{% for m in messages %}\n{{ m } }}", "line 3: unexpected '}'", id="a bracket"),
    pytest.param("{% for m in x %}", "line 1: Unexpected end of template", id="no end"),
    pytest.param("{{ x | shout }}", "line 1: No filter named 'shout'.", id="an unknown filter"),
    pytest.param(
        "{% for m in x %}{% generation %}{% break %}{% endgeneration %}{% endfor %}", "outside loop", id="break"
    ),
    pytest.param("{% for a in b %}" * 30 + "{% endfor %}" * 30, "too many statically nested blocks", id="too deep"),
    pytest.param(f"{{{{ {'(' * 5000} }}}}", "maximum recursion depth", id="too deep for the parser"),
]
