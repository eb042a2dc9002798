"""The operator on a real node, by Helm, for all tests of the whole way."""

import pytest

from assets.images import operator_image, worker_image
from assets.installed import install_all
from cluster.rig import Rig
from demo.kube import Kube


@pytest.fixture(scope="session")
def images(l3: Rig) -> dict[str, str]:
    """References of the operator's and the worker's image, which the node has."""
    found = {"operator": operator_image(), "worker": worker_image("cpu")}
    for image in found.values():
        l3.load_image(image)
    return {what: image.reference for what, image in found.items()}


@pytest.fixture(scope="session")
def kube(l3: Rig, images: dict[str, str]) -> Kube:
    """A cluster with all that the tests of the whole way need."""
    found = Kube(l3.environment())
    install_all(found, images["operator"])
    return found
