"""The demo: `python -m demo up|down`. Without a context it makes a real Kubernetes on this machine."""

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import indent
from typing import Any, Final

import yaml

from assets.images import operator_image, worker_image
from assets.models import model_path
from cluster.binaries import clients
from cluster.rig import Rig, Unavailable, lacking
from demo import install, local
from demo.kube import Failed, Kube

RIG: Final = "demo"
MANIFEST: Final = Path(__file__).parent / "worker.yaml"
QUESTION: Final = "What is the capital of France, and what is it known for?"
MODEL: Final = "SmolLM2-135M-Instruct"
HUB_MODEL: Final = f"HuggingFaceTB/{MODEL}"
NEXT: Final = """
Look around:
  {shell}
  kubectl -n {namespace} get llmworkers,deployments,services,pods
  kubectl -n {namespace} describe llmworker {name}
  kubectl -n {namespace} edit llmworker {name}            # change spec.engine.maxModelLen: the pod rolls
  kubectl -n {namespace} delete deployment {name}         # it comes back
  kubectl -n {namespace} port-forward service/{name} 8000:80
  curl -N localhost:8000/v1/chat/completions -H 'content-type: application/json' \\
    -d '{{"model": "{name}", "stream": true, "messages": [{{"role": "user", "content": "Hello"}}]}}'
Take it down:
  {down}
"""

_START: Final = time.monotonic()


def say(text: str) -> None:
    """One line with the seconds since the start."""
    print(f"[{time.monotonic() - _START:6.1f} s] {text}", flush=True)


def main() -> int:
    """Exit status 0 when the answer arrived in pieces; 1 with the reason otherwise."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("what", choices=["up", "down"])
    parser.add_argument("--context", default="", help="a kubectl context: use that cluster")
    parser.add_argument("--operator-image", default="", help="with --context: repository:tag that it can pull")
    parser.add_argument("--worker-image", default="", help="with --context: a cpu worker image that it can pull")
    parser.add_argument("--manifest", default="", help="with --context: an LLMWorker instead of the demo's own")
    chosen = parser.parse_args()
    try:
        if chosen.what == "down":
            return down(chosen.context)
        return up_elsewhere(chosen) if chosen.context else up_here()
    except Failed as error:
        say(f"failed: {error}")
        return 1


def up_here() -> int:
    """A Kubernetes of our own; where none can be had, the same worker as a process."""
    manifest = yaml.safe_load(MANIFEST.read_text())
    missing = lacking(3)
    if missing:
        return _locally(manifest, missing)
    say("side by side: a Kubernetes, both images, the model; the first time this takes a while")
    with ThreadPoolExecutor() as pool:
        rig_made = pool.submit(Rig.up, RIG, 3, say)
        images_made = [pool.submit(operator_image, say), pool.submit(worker_image, "cpu", say)]
        model = pool.submit(model_path, MODEL)
        try:
            rig = rig_made.result()
        except Unavailable as error:
            return _locally(manifest, [str(error)])
        images, models = [made.result() for made in images_made], model.result().parent
    for image in images:
        say(f"{image.reference}: {image.size / 1e6:.0f} MB into the node")
        rig.load_image(image)
    kube = Kube(rig.environment())
    install.model_claim(kube, manifest["metadata"]["namespace"], models)
    shell = f'eval "$(make -s cluster-env CLUSTER={RIG})"   # kubectl and helm for this cluster'
    return serve(kube, images[0].reference, manifest, shell, "make demo-down")


def _locally(manifest: dict[str, Any], reasons: list[str]) -> int:
    say("no Kubernetes can be had on this machine:")
    for reason in reasons:
        say(f"  {reason}")
    return local.serve(manifest, model_path(MODEL), QUESTION, say)


def up_elsewhere(chosen: argparse.Namespace) -> int:
    """A cluster of the user's, which can pull the images and, for the demo's own manifest, reach the hub."""
    manifest = _from_hub(chosen.worker_image)
    if chosen.manifest:
        manifest = yaml.safe_load(Path(chosen.manifest).read_text())
    say(f"using the cluster of context {chosen.context}; model {manifest['spec']['model']['name']}")
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": manifest["metadata"]["namespace"]}}
    kube = Kube(_with_clients(), chosen.context)
    kube.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(namespace))
    down_command = f"make demo-down KUBE_CONTEXT={chosen.context}"
    return serve(kube, chosen.operator_image, manifest, f"kubectl config use-context {chosen.context}", down_command)


def _from_hub(image: str) -> dict[str, Any]:
    """The demo's worker without what only our own node has: the claim, the local image, the simulated GPU."""
    manifest: dict[str, Any] = yaml.safe_load(MANIFEST.read_text())
    spec = manifest["spec"]
    spec["model"]["name"] = HUB_MODEL
    spec["image"] = {"profile": "cpu", **({"reference": image} if image else {})}
    spec["env"] = [variable for variable in spec["env"] if variable["name"] != "HF_HUB_OFFLINE"]
    del spec["cache"], spec["gpu"]
    return manifest


def _with_clients() -> dict[str, str]:
    """The environment, with our kubectl and helm behind those of the user."""
    return {**os.environ, "PATH": f"{os.environ['PATH']}:{clients()}"}


def serve(kube: Kube, operator: str, manifest: dict[str, Any], shell: str, down_command: str) -> int:
    """Operator, worker, answer, and what to do next."""
    name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
    say("installing the operator with Helm")
    install.operator(kube, operator)
    text = yaml.safe_dump(manifest, sort_keys=False)
    say("kubectl apply -f - <<EOF")
    print(indent(text, "    "))
    kube.kubectl("apply", "-f", "-", stdin=text)
    install.follow(kube, namespace, name, lambda line: say(f"  {line}"))
    say("kubectl get llmworkers -o wide")
    print(indent(kube.kubectl("get", "llmworkers", "-n", namespace, "-o", "wide"), "    "))
    say(f"asking http://{name}.{namespace}.svc.cluster.local/v1 from a pod: {QUESTION}")
    pod = kube.get("pods", "-n", namespace, "-l", f"llmworker.dev/worker={name}")["items"][0]
    status = install.ask(kube, namespace, pod["spec"]["containers"][0]["image"], name, QUESTION)
    say("the answer arrived in pieces" if status == 0 else "the answer did NOT arrive in pieces")
    print(NEXT.format(shell=shell, name=name, namespace=namespace, down=down_command))
    return status


def down(context: str) -> int:
    """Leave nothing."""
    if context:
        say(f"removing the demo from the cluster of context {context}")
        install.remove(Kube(_with_clients(), context), yaml.safe_load(MANIFEST.read_text())["metadata"]["namespace"])
        return 0
    rig = Rig.find(RIG)
    if rig is None:
        say("there is no demo to take down")
        return 0
    rig.down(say)
    say("nothing of the demo is left but the caches")
    return 0


if __name__ == "__main__":
    sys.exit(main())
