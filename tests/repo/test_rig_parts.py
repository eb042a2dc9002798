"""Parts of the rig that need no cluster to be tested."""

from pathlib import Path

import pytest

from cluster import kernel_settings
from cluster.network import Network


def test_rigs_of_one_name_in_two_caches_do_not_share_a_namespace() -> None:
    """One that was interrupted, of a user whose cache we do not see, must not stop ours from starting."""
    names = {Network(Path(cache, "rigs", "tests-l3"), 1).name for cache in ("/home/one", "/home/two")}
    assert len(names) == 2
    assert all("tests-l3" in name for name in names)


def test_the_machines_settings_are_restored_after_the_last_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With files in place of the machine's: other nodes may run while this is tested."""
    setting = tmp_path / "overcommit_memory"
    setting.write_text("0\n")
    monkeypatch.setattr(kernel_settings, "SETTINGS", (str(setting),))
    monkeypatch.setattr(kernel_settings, "_MEMORY", tmp_path / "memory")
    kernel_settings.remember()
    setting.write_text("1\n")  # a kubelet
    kernel_settings.remember()  # a second node
    kernel_settings.restore()
    assert setting.read_text() == "0"
    kernel_settings.restore()
