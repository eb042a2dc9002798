"""What the local image builds take over from the host: its package index settings and its Debian mirror."""

import pytest
import tomllib

from assets.buildah import pip_conf, pip_settings, uv_toml
from assets.debian_base import NoMirror, mirror

LISTING = """\
:env:.index-url='https://near.example/simple'
global.cert='/host/ca.pem'
global.extra-index-url='https://one.example/simple\\nhttps://two.example/simple'
global.index-url='https://far.example/simple'
"""

INDEXES = """\
Example|stable|main|https://tools.example/
Debian|bookworm-updates|main|https://mirror.example/debian/
Debian|bookworm|contrib|https://contrib.example/debian/
Debian|bookworm|main|https://mirror.example/debian/
"""


def test_an_environment_variable_of_pip_goes_before_its_file() -> None:
    assert pip_settings(LISTING)["index-url"] == "https://near.example/simple"


def test_pip_in_a_build_reads_certificates_where_the_build_has_them() -> None:
    assert "cert = /etc/ssl/certs/ca-certificates.crt\n" in pip_conf(pip_settings(LISTING))


def test_uv_in_a_build_uses_the_indexes_of_pip() -> None:
    assert tomllib.loads(uv_toml(pip_settings(LISTING))) == {
        "system-certs": True,
        "index-url": "https://near.example/simple",
        "extra-index-url": ["https://one.example/simple", "https://two.example/simple"],
    }


def test_a_host_without_settings_leaves_uv_its_own_index() -> None:
    assert tomllib.loads(uv_toml({})) == {"system-certs": True}


def test_the_mirror_is_the_one_of_the_release_itself() -> None:
    assert mirror(INDEXES, "debian", "bookworm") == "https://mirror.example/debian/"


def test_a_host_without_a_mirror_is_told_what_is_missing() -> None:
    with pytest.raises(NoMirror, match="no archive of ubuntu noble main"):
        mirror(INDEXES, "ubuntu", "noble")
