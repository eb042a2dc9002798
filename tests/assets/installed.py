"""The operator on a real node, as the tests of the whole way find it."""

from assets.models import model_path
from demo import install
from demo.kube import Kube

NAMESPACE = "llmworker-demo"


def install_all(kube: Kube, operator_image: str) -> None:
    """The operator by Helm, and a claim `models` with both small models in the demo's namespace."""
    install.operator(kube, operator_image)
    install.model_claim(kube, NAMESPACE, model_path("SmolLM2-135M-Instruct").parent)
    model_path("tiny-llama")
