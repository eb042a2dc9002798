"""When kopf's watches are heard. kopf tells its handlers of objects only: not of bookmarks, nor of a stream that opens.

This stands around one private function of kopf's. Where a release does not have it, the operator does not start, and a
test says so before.
"""

import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any

from kopf._cogs.clients import watching

from llmworker_operator.cluster import BY_KIND

_KINDS = {(resource.api_version.rpartition("/")[0], resource.plural): kind for kind, resource in BY_KIND.items()}


def listen(heard: Callable[[str], None]) -> None:
    """Have `heard` called with the kind whenever a stream is opened or says something."""
    watch = watching.watch_objs

    async def listened(*, resource: Any, **how: Any) -> AsyncGenerator[Any, None]:
        kind = _KINDS[resource.group, resource.plural]
        heard(kind)
        async with contextlib.aclosing(watch(resource=resource, **how)) as stream:  # type: ignore[type-var]
            async for said in stream:
                heard(kind)
                yield said

    watching.watch_objs = listened
