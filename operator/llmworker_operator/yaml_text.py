"""YAML that kubectl reads as it was meant. Pure.

kubectl's parser takes the words y, Y, n and N for booleans; PyYAML writes them without quotes.
"""

import re
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """A dumper of its own, so that PyYAML's stays as others know it."""


_Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^[yYnN]$"), list("yYnN"))


def yaml_text(*documents: Any) -> str:
    """The documents, one after the other."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
