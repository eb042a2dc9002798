"""One OCI layout folder with a stored copy of each image, layers uncompressed, and how containerd gets it from there.

Layers that images share are stored once, and a build whose last layer alone is new adds that layer alone. containerd
takes a layer that it has, or that is linked into its content store, without reading it: see `load`.
"""

import errno
import io
import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final

from assets.buildah import storage
from assets.cache import cache_dir

_NAME: Final = "org.opencontainers.image.ref.name"
_CONTAINERD_NAME: Final = "io.containerd.image.name"

_TRIES: Final = 5
"""For entering a layer; one is nearly always enough."""


@dataclass(frozen=True)
class Image:
    """An image in the layout folder."""

    reference: str
    """What a pod names, with `imagePullPolicy: IfNotPresent`."""
    digest: str
    """Of its manifest: changes when anything in the image does."""

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The OCI manifest: configuration and layers."""
        parsed: dict[str, Any] = json.loads(blob(self.digest).read_text())
        return parsed

    @property
    def id(self) -> str:
        """Digest of the configuration, which is what `crictl images` and buildah call the image's id."""
        return str(self.manifest["config"]["digest"])

    @property
    def layers(self) -> tuple[str, ...]:
        """Digests, the base first."""
        return tuple(layer["digest"] for layer in self.manifest["layers"])

    @property
    def size(self) -> int:
        """Bytes of all layers, uncompressed."""
        return sum(layer["size"] for layer in self.manifest["layers"])

    @property
    def complete(self) -> bool:
        """Whether the layout folder still holds all of it."""
        return blob(self.digest).exists() and all(blob(part).exists() for part in (self.id, *self.layers))

    @property
    def archive(self) -> Path:
        """The whole image as one file for `ctr images import` or `docker load`, written when first asked for.

        It is as large as the image and holds no layer once only: `load` is quicker and needs no such file.
        """
        path = cache_dir("images", "archives") / f"{self.digest.removeprefix('sha256:')[:24]}.tar"
        if not path.exists():
            partial = path.with_suffix(f".{os.getpid()}")
            with partial.open("wb") as file:
                write_archive(self, file, self.layers)
            partial.rename(path)
        return path


def layout() -> Path:
    """The folder itself."""
    return cache_dir("images", "layout")


def blob(digest: str) -> Path:
    """Where the layout keeps the content of a digest."""
    return layout() / "blobs" / "sha256" / digest.removeprefix("sha256:")


def store(reference: str) -> Image:
    """Copy an image from buildah's storage; layers that are there already are not read."""
    root, runroot = storage()
    source = f"containers-storage:[overlay@{root}+{runroot}]{reference}"
    command = ["skopeo", "copy", "--quiet", "--dest-oci-accept-uncompressed-layers", source]
    subprocess.run([*command, f"oci:{layout()}:{reference}"], check=True)
    for entry in _index()["manifests"]:
        if entry.get("annotations", {}).get(_NAME) == reference:
            return Image(reference, entry["digest"])
    raise RuntimeError(f"skopeo reported no error and {layout() / 'index.json'} does not name {reference}")


def forget_all_but(kept: Collection[str]) -> int:
    """Drop images by reference, archives too, and every blob that no kept one needs. Returns the bytes freed."""
    index = _index()
    entries = [entry for entry in index["manifests"] if entry.get("annotations", {}).get(_NAME) in kept]
    images = [Image(entry["annotations"][_NAME], entry["digest"]) for entry in entries]
    needed = {blob(part).name for image in images for part in (image.digest, image.id, *image.layers)}
    archives = {image.digest.removeprefix("sha256:")[:24] for image in images}
    (layout() / "index.json").write_text(json.dumps({**index, "manifests": entries}))
    stale = [path for path in (layout() / "blobs" / "sha256").iterdir() if path.name not in needed]
    stale += [path for path in cache_dir("images", "archives").iterdir() if path.stem not in archives]
    freed = sum(path.stat().st_size for path in stale)
    for path in stale:
        path.unlink()
    return freed


def load(image: Image, ctr: Sequence[str], content: Path) -> None:
    """Give containerd an image.

    `ctr` is the command with address and namespace, for example `["ctr", "-a", socket, "-n", "k8s.io"]`; `content` the
    folder of its content store, `<root>/io.containerd.content.v1.content`. Layers are linked into that store when it is
    on the same file system, so that gigabytes are neither read nor kept twice; containerd then unpacks what is new.
    """
    blobs = content / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    for layer in image.layers:
        _hold(layer, blobs, ctr)
    with tempfile.TemporaryFile() as archive:
        write_archive(image, archive, layers=())
        archive.seek(0)
        _run([*ctr, "images", "import", "-"], stdin=archive)
    for layer in image.layers:  # from here on the image holds its layers
        _run([*ctr, "content", "label", layer, "containerd.io/gc.root="])


def write_archive(image: Image, stream: IO[bytes], layers: Iterable[str]) -> None:
    """Write an OCI archive of the image with some of its layers: those that the reader does not have."""
    entry = {
        "mediaType": image.manifest["mediaType"],
        "digest": image.digest,
        "size": blob(image.digest).stat().st_size,
        "annotations": {_NAME: image.reference, _CONTAINERD_NAME: image.reference},
    }
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        _add(archive, "oci-layout", {"imageLayoutVersion": "1.0.0"})
        _add(archive, "index.json", {"schemaVersion": 2, "manifests": [entry]})
        for digest in dict.fromkeys((image.digest, image.id, *layers)):
            archive.add(blob(digest), f"blobs/sha256/{blob(digest).name}")


def _add(archive: tarfile.TarFile, name: str, content: dict[str, Any]) -> None:
    data = json.dumps(content).encode()
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def _index() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((layout() / "index.json").read_text())
    return parsed


def _link(source: Path, folder: Path) -> None:
    try:
        (folder / source.name).hardlink_to(source)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Another file system: `_ingest` copies the content instead.


def _hold(layer: str, blobs: Path, ctr: Sequence[str]) -> None:
    """Enter a layer in containerd's books, and keep its garbage collector from it until an image refers to it.

    The mark that does so is set after the entry, and a collection in between takes the layer away again.
    """
    for _ in range(_TRIES):
        _link(blob(layer), blobs)
        _ingest(layer, ctr)
        try:
            _run([*ctr, "content", "label", layer, "containerd.io/gc.root=llmworker"])
        except RuntimeError as error:
            if "not found" not in str(error):
                raise
            gone = error
        else:
            return
    raise RuntimeError(f"containerd collected {layer} {_TRIES} times before it could be held") from gone


def _ingest(layer: str, ctr: Sequence[str]) -> None:
    path = blob(layer)
    expected = ["--expected-digest", layer, "--expected-size", str(path.stat().st_size)]
    with path.open("rb") as content:
        _run([*ctr, "content", "ingest", *expected, f"llmworker-{path.name}"], stdin=content)


def _run(command: Sequence[str], stdin: IO[bytes] | None = None) -> None:
    done = subprocess.run(command, stdin=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
