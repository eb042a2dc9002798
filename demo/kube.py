"""kubectl and helm, as the demo and the end-to-end tests call them: on a rig of ours or on a cluster of the user's."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Failed(RuntimeError):
    """A command of kubectl or helm failed; the text is the command and what it said."""


@dataclass(frozen=True)
class Kube:
    """One cluster. `context` is empty where the environment's KUBECONFIG alone names it."""

    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    context: str = ""

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl and return what it printed. Raises `Failed`."""
        chosen = ("--context", self.context) if self.context else ()
        return self._run("kubectl", *chosen, *arguments, stdin=stdin)

    def helm(self, *arguments: str) -> str:
        """Run helm and return what it printed. Raises `Failed`."""
        chosen = ("--kube-context", self.context) if self.context else ()
        return self._run("helm", *chosen, *arguments)

    def get(self, *arguments: str) -> dict[str, Any]:
        """`kubectl get … -o json`, parsed. Raises `Failed`."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return found

    def stream(self, *arguments: str) -> int:
        """Run kubectl with its output on ours, as it comes; the exit status."""
        chosen = ("--context", self.context) if self.context else ()
        command = ["kubectl", *chosen, *arguments]
        return subprocess.run(command, env=dict(self.environment), check=False, stdin=subprocess.DEVNULL).returncode

    def _run(self, *command: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            command, env=dict(self.environment), input=stdin, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Failed(f"{' '.join(command)}: exit status {done.returncode}: {done.stderr.strip() or done.stdout}")
        return done.stdout
