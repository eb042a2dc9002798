"""What the tests on a real API server share: a running operator, and a namespace of LLMWorkers for each test."""

from collections.abc import Iterator

import pytest

from assets.llmworkers import LLMWorkers, defined
from assets.operator_process import OperatorProcess, running_operator
from cluster.rig import Rig
from demo.kube import Kube


@pytest.fixture(scope="module")
def kube(l1: Rig) -> Kube:
    return defined(l1)


@pytest.fixture(scope="module")
def operator(kube: Kube, l1: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    with running_operator(l1, tmp_path_factory.mktemp("operator")) as found:
        yield found


@pytest.fixture
def workers(kube: Kube, operator: OperatorProcess, request: pytest.FixtureRequest) -> Iterator[LLMWorkers]:
    namespace = "t-" + str(abs(hash(request.node.name)) % 10**8)
    kube.kubectl("create", "namespace", namespace)
    yield LLMWorkers(kube, namespace)
    kube.kubectl("delete", "llmworkers", "--all", "-n", namespace)
