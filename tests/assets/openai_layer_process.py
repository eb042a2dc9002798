"""The other side of `assets.openai_layer`, in an old engine's own environment: its whole OpenAI server, no engine.

The engine behind it is a fake that answers with the prompt: a machine without a GPU has no other for these releases.
"""

import asyncio
import dataclasses
import importlib
import inspect
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

from assets import failing_seeds
from llmworker_server import record_arguments


def main() -> None:
    parser = record_arguments.make_parser()
    asyncio.run(_serve(parser.parse_args(sys.argv[1:])))


async def _serve(args: Any) -> None:
    """As the release's `run_server` does it, on a socket that is bound to the loopback address in every release."""
    api_server = importlib.import_module("vllm.entrypoints.openai.api_server")
    _spare_the_model()
    model = record_arguments.first("AsyncEngineArgs", "vllm.engine.arg_utils").from_cli_args(args).create_model_config()
    app = api_server.build_app(args)
    client = _client(args.model)
    config = model if "model_config" in inspect.signature(api_server.init_app_state).parameters else _Config(model)
    initialized = api_server.init_app_state(client, config, app.state, args)
    if inspect.isawaitable(initialized):
        await initialized
    listening = socket.create_server(("127.0.0.1", args.port))
    own = inspect.signature(api_server.serve_http).parameters
    place = {"sock": listening} if "sock" in own else {"fd": listening.fileno()}
    await (await api_server.serve_http(app, **place, log_level="info"))


def _spare_the_model() -> None:
    """Newer releases import a model's code, and so triton, to learn what it can; ours only writes text."""
    registry = importlib.import_module("vllm.model_executor.models.registry")
    facts = {field.name: field.name == "is_text_generation_model" for field in dataclasses.fields(registry._ModelInfo)}
    if "architecture" not in facts:
        return
    known = registry._ModelInfo(**{**facts, "architecture": "LlamaForCausalLM"})
    registry.ModelRegistry.inspect_model_cls = lambda _architectures: (known, known.architecture)


class _Config:
    """What newer releases ask of the whole configuration."""

    def __init__(self, model_config: Any) -> None:
        self.model_config = model_config


def _client(model: str) -> Any:
    """An EngineClient of this release. What is not defined here no request of the tests asks for."""
    base = record_arguments.first("EngineClient", "vllm.engine.protocol")
    cls: Any = type("Echo", (_Echo, base), {})
    cls.__abstractmethods__ = frozenset()
    return cls(model)


class _Echo:
    """Answers with the prompt, a token at a time."""

    is_running = True
    is_stopped = errored = False

    def __init__(self, model: str) -> None:
        transformers = importlib.import_module("transformers")
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(model)

    async def get_tokenizer(self, lora_request: Any = None) -> Any:
        return self._tokenizer

    async def is_tracing_enabled(self) -> bool:
        return False

    async def check_health(self) -> None:
        return

    async def do_log_stats(self, *_: Any) -> None:
        return

    async def abort(self, request_id: str) -> None:
        return

    async def generate(
        self, prompt: Any, sampling_params: Any, request_id: str, *_: Any, **__: Any
    ) -> AsyncIterator[Any]:
        ids = prompt["prompt_token_ids"]
        answer = ids[: sampling_params.max_tokens]
        streams = sampling_params.output_kind.name == "DELTA"
        pieces = [[token] for token in answer] if streams else [answer]
        for number, piece in enumerate(pieces):
            _fail(sampling_params.seed, number if streams else 2)
            last = number == len(pieces) - 1
            reason = ("length" if len(answer) < len(ids) else "stop") if last else None
            yield self._output(request_id, ids, piece, reason)
            await asyncio.sleep(0.001)

    def _output(self, request_id: str, prompt: list[int], piece: list[int], reason: str | None) -> Any:
        outputs = importlib.import_module("vllm.outputs")
        text = self._tokenizer.decode(piece, skip_special_tokens=True)
        part = outputs.CompletionOutput(0, text, piece, None, None, finish_reason=reason)
        return outputs.RequestOutput(request_id, None, prompt, None, [part], finished=reason is not None)


def _fail(seed: int | None, tokens: int) -> None:
    if seed == failing_seeds.AS_VALUE and tokens == 2:
        raise ValueError("no luck with thirteen")
    if (seed == failing_seeds.OTHERWISE and tokens == 2) or seed == failing_seeds.AT_ONCE:
        raise KeyError("no luck with fourteen")


if __name__ == "__main__":
    main()
