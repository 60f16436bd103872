import json
import subprocess
import sys
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from playground import GENERATIONS, MODEL, VIDEO, Playground


async def test_an_order_is_answered_at_once_with_its_id_and_its_price(sandbox: Playground) -> None:
    response = await sandbox.order("a whale", duration=4, generate_audio=False)
    body = response.json()
    assert response.status_code == 200
    assert body["id"].endswith(f":{MODEL}")
    usage = {"credits_used": 1_040_000, "usd_spent": 0.52}
    assert body == {"id": body["id"], "status": "queued", "meta": {"usage": usage}}
    assert response.headers["x-inference-id"] == body["id"]
    assert response.headers["x-aimlapi-credits-used"] == "1040000"
    assert response.headers["x-aimlapi-usd-spent"] == "0.52"


async def test_sound_and_length_set_the_price(sandbox: Playground) -> None:
    assert (await sandbox.order("a whale", duration=8)).json()["meta"]["usage"]["usd_spent"] == 1.56
    assert await sandbox.balance() == 998.44


async def test_a_generation_is_queued_then_generating_then_completed(sandbox: Playground) -> None:
    generation_id = await sandbox.order_id("a whale")
    assert await sandbox.status(generation_id) == "queued"
    sandbox.clock.now += 2
    assert (await sandbox.poll(generation_id)).json() == {"id": generation_id, "status": "generating"}
    await sandbox.rendered("another whale")
    body = (await sandbox.poll(generation_id)).json()
    assert body == {"id": generation_id, "status": "completed", "video": {"url": body["video"]["url"]}}


async def test_the_url_is_absolute_and_serves_the_file_to_anybody(sandbox: Playground) -> None:
    url = await sandbox.url("a whale")
    assert url.startswith("http://sandbox.invalid/files/")
    del sandbox.client.headers["Authorization"]
    response = await sandbox.client.get(url)
    assert response.content == VIDEO
    assert response.headers["content-type"] == "video/mp4"
    assert response.headers["accept-ranges"] == "bytes"


async def test_a_range_request_gets_its_part(sandbox: Playground) -> None:
    response = await sandbox.client.get(await sandbox.url("a whale"), headers={"Range": "bytes=100-"})
    assert response.status_code == 206
    assert response.headers["content-range"] == f"bytes 100-{len(VIDEO) - 1}/{len(VIDEO)}"
    assert response.content == VIDEO[100:]


async def test_head_tells_the_length_and_sends_nothing(sandbox: Playground) -> None:
    response = await sandbox.client.head(await sandbox.url("a whale"))
    assert (response.headers["content-length"], response.content) == (str(len(VIDEO)), b"")


async def test_an_id_is_found_raw_and_percent_encoded(sandbox: Playground) -> None:
    generation_id = await sandbox.order_id("a whale")
    for written in (generation_id, quote(generation_id), quote(generation_id, safe="")):
        response = await sandbox.client.get(f"{GENERATIONS}?generation_id={written}")
        assert response.json() == {"id": generation_id, "status": "queued"}


@pytest.mark.parametrize("generation_id", ["nobody-ever-made-this", "../../etc/passwd", "x" * 5000])
async def test_an_unknown_id_is_not_found(sandbox: Playground, generation_id: str) -> None:
    response = await sandbox.poll(generation_id)
    body = response.json()
    assert response.status_code == 404
    assert body == body | {"statusCode": 404, "path": GENERATIONS, "message": "Inference not found"}


async def test_a_poll_without_an_id_is_a_query_error(sandbox: Playground) -> None:
    response = await sandbox.client.get(GENERATIONS)
    assert response.status_code == 400
    assert response.json()["message"] == "Query validation error! generation_id: Required"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer invalid-key", "Bearer  stray", "Basic key"])
async def test_a_missing_or_wrong_key_is_refused_everywhere(sandbox: Playground, header: str | None) -> None:
    generation_id = await sandbox.order_id("a whale")
    del sandbox.client.headers["Authorization"]
    if header is not None:
        sandbox.client.headers["Authorization"] = header
    refused = [await sandbox.order("a fox"), await sandbox.poll(generation_id), await sandbox.client.get("/v2/billing")]
    for response in refused:
        assert response.status_code == 401
        assert set(response.json()) == {"requestId", "statusCode", "timestamp", "path", "message"}
        assert "valid API key" in response.json()["message"]


@pytest.mark.parametrize(
    ("fields", "issue"),
    [
        ({"model": "google/veo-9"}, "model: Invalid enum value. Expected 'google/veo-3.1-t2v-fast' | "),
        ({"prompt": ""}, "prompt: String must contain at least 1 character(s)"),
        ({"prompt": 7}, "prompt: Expected string, received integer"),
        ({"aspect_ratio": "1:1"}, "aspect_ratio: Invalid enum value. Expected '16:9' | '9:16', received '1:1'"),
        ({"duration": 5}, "duration: Invalid enum value. Expected 4 | 6 | 8, received 5"),
        ({"duration": "8"}, "duration: Expected integer, received string"),
        ({"duration": True}, "duration: Expected integer, received boolean"),
        ({"resolution": "1080P"}, "resolution: Invalid enum value. Expected '720p' | '1080p', received '1080P'"),
        ({"seed": None}, "seed: Expected integer, received null"),
        ({"seed": 1.5}, "seed: Expected integer, received number"),
        ({"generate_audio": "yes"}, "generate_audio: Expected boolean, received string"),
        ({"negative_prompt": ["fog"]}, "negative_prompt: Expected string, received array"),
        ({"provider": "azure"}, "provider: Invalid enum value. Expected 'auto' | 'google' | 'fal', received 'azure'"),
    ],
)
async def test_a_bad_field_is_named_with_what_it_may_be(
    sandbox: Playground, fields: dict[str, Any], issue: str
) -> None:
    response = await sandbox.order(**({"prompt": "a whale"} | fields))
    body = response.json()
    assert (response.status_code, body["status"], body["title"]) == (400, 400, "Bad Request")
    assert response.headers["content-type"] == "application/problem+json"
    assert body["message"].startswith(f"Body validation error! {issue}")
    assert body["error"]["name"] == "BadRequestException"
    assert await sandbox.balance() == 1000


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"text"', b"\xff"])
async def test_a_body_that_is_no_object_is_refused(sandbox: Playground, content: bytes) -> None:
    response = await sandbox.client.post(GENERATIONS, content=content)
    assert response.status_code == 400
    assert response.json()["message"].startswith("Body validation error!")


async def test_every_wrong_field_is_named_at_once(sandbox: Playground) -> None:
    response = await sandbox.client.post(GENERATIONS, json={"duration": 5})
    issues = response.json()["error"]["data"]["issues"]
    assert [issue.partition(":")[0] for issue in issues] == ["model", "prompt", "duration"]


async def test_unknown_fields_are_dropped_in_silence(sandbox: Playground) -> None:
    fields = {"person_generation": "x", "fps": 60, "provider": "FAL", "enhance_prompt": False, "auto_fix": True}
    response = await sandbox.order("a whale", **fields, seed=5)
    assert response.status_code == 200
    (request,) = sandbox.folder.glob("*.request.json")
    assert json.loads(request.read_text()) == {
        "prompt": "a whale",
        "duration": 4,
        "resolution": "1080p",
        "aspect_ratio": "16:9",
        "generate_audio": True,
        "negative_prompt": None,
        "seed": 5,
    }


async def test_the_renderer_gets_a_seed_when_the_caller_gave_none(sandbox: Playground) -> None:
    await sandbox.order("a whale")
    (request,) = sandbox.folder.glob("*.request.json")
    assert 0 <= json.loads(request.read_text())["seed"] < 2**32


async def test_models_need_no_key_and_can_be_asked_for_by_id(sandbox: Playground) -> None:
    del sandbox.client.headers["Authorization"]
    everything = (await sandbox.client.get("/v1/models")).json()
    one = (await sandbox.client.get("/v1/models", params={"id": MODEL, "include": "pricing"})).json()
    assert everything["object"] == "list"
    assert MODEL in [model["id"] for model in everything["data"]]
    assert [model["id"] for model in one["data"]] == [MODEL]


async def test_a_valid_client_request_id_comes_back(sandbox: Playground) -> None:
    for sent, echoed in [("job-7.a:b_c", "job-7.a:b_c"), ("not valid", None), ("x" * 129, None)]:
        sandbox.client.headers["X-Client-Request-Id"] = sent
        response = await sandbox.order("a whale")
        assert response.headers.get("x-client-request-id") == echoed
        assert response.headers["x-request-id"]


async def test_an_unknown_route_is_answered_in_the_documented_envelope(sandbox: Playground) -> None:
    missing, wrong = await sandbox.client.get("/v2/nothing"), await sandbox.client.delete(GENERATIONS)
    assert (missing.status_code, missing.json()["message"]) == (404, "Cannot GET /v2/nothing")
    assert (wrong.status_code, wrong.json()["message"]) == (405, f"Cannot DELETE {GENERATIONS}")


@pytest.mark.parametrize("name", ["nothing", "..", "%2e%2e%2fturn", "turn", "%00"])
async def test_no_other_file_can_be_fetched(sandbox: Playground, name: str) -> None:
    await sandbox.rendered("a whale")
    assert (await sandbox.client.get(f"/files/{name}.mp4")).status_code == 404


async def test_a_file_that_is_not_rendered_yet_is_not_found(sandbox: Playground) -> None:
    generation_id = await sandbox.order_id("a whale [sandbox:stuck]")
    (record,) = sandbox.folder.glob("*.generation.json")
    key = record.name.partition(".")[0]
    assert (await sandbox.status(generation_id)) == "queued"
    assert (await sandbox.client.get(f"/files/{key}.mp4")).status_code == 404


async def test_it_works_the_same_on_a_port(sandbox_on_a_port: Playground) -> None:
    url = await sandbox_on_a_port.url("a whale")
    assert url.startswith(str(sandbox_on_a_port.client.base_url))
    response = await sandbox_on_a_port.client.get(url)
    assert response.content == VIDEO
    assert response.headers["content-length"] == str(len(VIDEO))


def test_importing_the_app_loads_nothing_heavy_and_nothing_of_the_rest() -> None:
    script = "import veo_mcp.sandbox.app, sys; print(*sys.modules)"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(printed.stdout.split())
    assert not loaded & {"numpy", "av", "PIL", "httpx2", "mcp", "pydantic", "uvicorn"}
    ours = {name for name in loaded if name.startswith("veo_mcp.")}
    assert all(name.startswith("veo_mcp.sandbox") for name in ours), ours
    assert "veo_mcp.sandbox.render" not in ours


async def test_the_host_that_was_asked_stands_in_the_url(sandbox: Playground) -> None:
    generation_id = await sandbox.rendered("a whale")
    url = httpx2.URL("http://another.host:81/v2/video/generations", params={"generation_id": generation_id})
    body = (await sandbox.client.get(url)).json()
    assert body["video"]["url"].startswith("http://another.host:81/files/")
