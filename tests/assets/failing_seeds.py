"""Seeds of requests that the fake engine behind `assets.openai_layer` fails."""

from typing import Final

AS_VALUE: Final = 13
"""After two tokens, with the kind of error that every release puts into words."""

OTHERWISE: Final = 14
"""After two tokens, with one that the oldest breaks off at."""

AT_ONCE: Final = 15
"""Before the first token."""
