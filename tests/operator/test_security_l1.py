"""The operator against a real API server: what it does not allow, and what confines a worker's pod."""

import pytest

from assets.llmworkers import LLMWorkers
from assets.waiting import until

pytestmark = pytest.mark.l1


def test_code_of_a_model_is_refused_with_what_to_do_and_the_running_revision_stays(workers: LLMWorkers) -> None:
    workers.apply(engine={"seed": 1})
    workers.wait_until_applied()
    workers.apply(model={"name": "m", "trustRemoteCode": True}, engine={"seed": 2})
    until(lambda: workers.accepted() == "RemoteCodeForbidden", "the status says it")
    assert "worker.allowTrustRemoteCode" in workers.condition("Accepted")["message"]
    environment = workers.pod()["containers"][0]["env"]
    assert {"name": "SEED", "value": "1"} in environment
    assert "TRUST_REMOTE_CODE" not in {entry["name"] for entry in environment}
    workers.apply(engine={"seed": 2})
    workers.wait_until_applied()
    assert {"name": "SEED", "value": "2"} in workers.pod()["containers"][0]["env"]
