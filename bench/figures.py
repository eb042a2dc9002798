"""What every bench ends with: its bars, printed and as JSON."""

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Bar(NamedTuple):
    """A figure that is promised."""

    name: str
    value: float
    limit: str
    """In words, with its unit."""
    ok: bool


def machine() -> str:
    """What the figures were measured on."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def conclude(table: str, what: str, bars: Sequence[Bar], file: Path | None) -> int:
    """Print the table and whether each bar holds, and write all that to the file. The exit status: 1 if one fails."""
    print(f"\n{table}\n\n{what}")
    for bar in bars:
        print(f"{'holds' if bar.ok else 'FAILS'}: {bar.name} {bar.value} ({bar.limit})")
    if file:
        told = {"machine": what, "table": table, "bars": [bar._asdict() for bar in bars]}
        file.write_text(json.dumps(told, indent=2) + "\n")
    return 0 if all(bar.ok for bar in bars) else 1
