"""The machine's settings that a kubelet changes for itself: remembered before the first node, restored after the last.

The kubelet writes them unless it is told to fail instead (`protectKernelDefaults`), and a network namespace does not
confine them.
"""

import json
from pathlib import Path
from typing import Final

SETTINGS: Final = (
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/vm/panic_on_oom",
    "/proc/sys/kernel/panic",
    "/proc/sys/kernel/panic_on_oops",
    "/proc/sys/kernel/keys/root_maxkeys",
    "/proc/sys/kernel/keys/root_maxbytes",
)

_MEMORY: Final = Path("/run/llmworker-kernel-settings.json")
"""Below /run, like the settings themselves it does not outlive a reboot."""


def remember() -> None:
    """Before a kubelet starts. The values of an earlier node's start stay: by now its kubelet has changed them."""
    if not _MEMORY.exists():
        _MEMORY.write_text(json.dumps({name: Path(name).read_text().strip() for name in SETTINGS}))


def restore() -> None:
    """After the last node is gone."""
    if not _MEMORY.exists():
        return
    for name, value in json.loads(_MEMORY.read_text()).items():
        if Path(name).read_text().strip() != value:
            Path(name).write_text(value)
    _MEMORY.unlink()
