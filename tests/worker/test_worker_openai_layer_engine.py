"""Today's OpenAI client on the real OpenAI servers of old engines: what it sends is understood, errors are readable.

The fake engine behind them answers with the prompt that it was given, so the answer shows what arrived.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import APIError, BadRequestError, InternalServerError, NotFoundError, OpenAI

from assets import failing_seeds
from assets.openai_layer import openai_layer

pytestmark = pytest.mark.engine

OLD = "stable-cuda12.1.0"
HEADER = "x-llmworker-translated"
DEVELOPER: Any = [{"role": "developer", "content": "brief"}]
USER: Any = [{"role": "user", "content": "a prompt of some length"}]


@pytest.fixture(scope="module", params=[OLD, "dev-cuda12.1.0"])
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def url(profile: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with openai_layer(profile, tmp_path_factory.mktemp("layer")) as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as openai:
        yield openai


@pytest.mark.parametrize("stream", [False, True])
def test_what_new_clients_send_is_understood(client: OpenAI, profile: str, stream: bool) -> None:
    answer = client.chat.completions.with_raw_response.create(
        model="tiny",
        messages=DEVELOPER,
        max_completion_tokens=4,
        store=True,
        metadata={"a": "b"},
        stream=stream,
        **({"stream_options": {"include_usage": True, "include_obfuscation": False}} if stream else {}),
    )
    found: Any = answer.parse()
    if stream:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in found if chunk.choices)
    else:
        text = found.choices[0].message.content
    assert text == "sys", "the role that models of that time know, and one token that is no text before it"
    done = set(answer.headers[HEADER].split(", "))
    if profile == OLD:
        assert done >= {"developer=system", "max_completion_tokens=max_tokens", "-store", "-metadata"}
        assert ("-stream_options.include_obfuscation" in done) is stream
    else:
        assert done == {"developer=system"}


def test_an_earlier_answer_comes_back_whole(client: OpenAI) -> None:
    earlier = client.chat.completions.create(model="tiny", messages=USER).choices[0].message
    echoed: Any = {"annotations": None, "audio": None, "function_call": None, "refusal": None, **earlier.model_dump()}
    messages: Any = [*USER, echoed, {**echoed, "annotations": [], "tool_calls": None}, *USER]
    answer = client.chat.completions.create(model="tiny", messages=messages)
    assert str(answer.choices[0].message.content).count("assistant\n") == 5, "two more that quote one each"


def test_an_old_request_is_not_touched(client: OpenAI) -> None:
    answer = client.chat.completions.with_raw_response.create(model="tiny", messages=USER, max_tokens=4)
    assert HEADER not in answer.headers
    assert answer.parse().choices[0].finish_reason == "length"


def test_a_misspelt_field_is_still_refused(client: OpenAI, profile: str) -> None:
    asked: Any = {"model": "tiny", "messages": USER, "extra_body": {"max_tokenz": 5, "store": True}}
    if profile != OLD:
        assert client.chat.completions.create(**asked).choices, "this release takes any field"
        return
    with pytest.raises(BadRequestError) as refused:
        client.chat.completions.create(**asked)
    body: Any = refused.value.body
    assert "max_tokenz" in body["message"]
    assert "store" not in body["message"]
    assert (body["type"], body["param"], body["code"]) == ("BadRequestError", None, 400)


def test_what_the_client_would_miss_is_refused(client: OpenAI, profile: str) -> None:
    if profile == OLD:
        with pytest.raises(BadRequestError, match="reasoning_effort"):
            client.chat.completions.create(model="tiny", messages=USER, reasoning_effort="high")


def test_two_limits_are_refused_with_both_names(client: OpenAI, profile: str) -> None:
    if profile == OLD:
        with pytest.raises(BadRequestError, match="max_completion_tokens and max_tokens are one limit") as refused:
            client.chat.completions.create(model="tiny", messages=USER, max_tokens=4, max_completion_tokens=5)
        assert (refused.value.param, refused.value.code) == ("max_completion_tokens", "invalid_value")


def test_an_unknown_model(client: OpenAI) -> None:
    with pytest.raises(NotFoundError) as refused:
        client.completions.create(model="other", prompt="a")
    body: Any = refused.value.body
    assert (body["message"], body["type"]) == ("The model `other` does not exist.", "NotFoundError")


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/v1/completions", 405)])
def test_what_has_no_answer(url: str, path: str, status: int) -> None:
    answer = httpx.get(url + path, trust_env=False)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, status, None)
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_an_error_in_the_middle_of_a_stream(client: OpenAI) -> None:
    with pytest.raises(APIError, match="no luck with thirteen"):
        list(client.chat.completions.create(model="tiny", messages=USER, stream=True, seed=failing_seeds.AS_VALUE))


def test_a_stream_that_breaks_off_says_so(client: OpenAI) -> None:
    with pytest.raises(APIError, match=r"the worker's log says why|no luck with fourteen"):
        list(client.chat.completions.create(model="tiny", messages=USER, stream=True, seed=failing_seeds.OTHERWISE))


def test_an_engine_that_fails_at_once(client: OpenAI) -> None:
    with pytest.raises(InternalServerError) as failed:
        client.chat.completions.create(model="tiny", messages=USER, seed=failing_seeds.AT_ONCE)
    body: Any = failed.value.body
    assert (body["message"], body["code"]) == ("Internal Server Error", 500)


def test_the_pieces_of_an_answer_can_still_be_chosen(url: str) -> None:
    asked = {"model": "tiny", "messages": DEVELOPER, "stream": True, "max_completion_tokens": 9, "max_batch_size": 5}
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=asked | {"min_batch_size": 5}, trust_env=False) as got:
        counts = [piece.count(b"data: ") for piece in got.iter_raw()]
    assert counts == [5, 5, 1], "the role, nine tokens and the end mark"


def test_without_our_middleware_the_oldest_refuses_them(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("bare")
    with (
        openai_layer(OLD, folder, middleware=False) as address,
        OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as bare,
    ):
        for field in ({"max_completion_tokens": 4}, {"store": True}, {"metadata": {"a": "b"}}):
            with pytest.raises(BadRequestError, match="Extra inputs are not permitted"):
                bare.chat.completions.create(model="tiny", messages=USER, **field)
        assert httpx.get(f"{address}/nothing", trust_env=False).json() == {"detail": "Not Found"}
