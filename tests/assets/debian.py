"""Debian's packages: installed when a program of theirs is missing, and never otherwise."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping

Say = Callable[[str], None]


def ensure_programs(packages: Mapping[str, str], say: Say) -> None:
    """Install the packages whose program is missing; `packages` is program, by name or path, to package.

    Raises PermissionError when something is missing and this is not root, and `subprocess.CalledProcessError` when
    apt refuses; it has said why by then.
    """
    missing = sorted({package for program, package in packages.items() if shutil.which(program) is None})
    if not missing:
        return
    if os.geteuid() != 0:
        raise PermissionError(f"{', '.join(missing)}: not installed, and installing them needs root")
    say(f"installing {' '.join(missing)} with apt")
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*apt, "update"], check=True, env=environment)
    install = [*apt, "install", "-y", "--no-install-recommends", *missing]
    subprocess.run(install, check=True, env=environment, stdout=subprocess.DEVNULL)
