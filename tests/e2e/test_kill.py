"""kill -9 at every point of a job's way. Afterwards a fresh process on the same ledger is asked for the same video."""

from pathlib import Path

import pytest
from processes import Scene, Server, until

from paid_service import Stage
from veo_mcp.results import VideoResult

PROMPT = "A lighthouse in the fog"
SLOW = pytest.mark.slow


async def killed_at(scene: Scene, place: str) -> None:
    """Order the video and kill the process once it stands at the place: a function of ours, or a stage upstream."""
    stage: Stage | None = next((stage for stage in ("arrived", "charged", "polled", "half") if stage == place), None)
    gate = scene.upstream.gate(stage, PROMPT) if stage else None
    async with (
        scene.server(stop=None if stage else place) as server,
        server.calling("generate_and_wait", prompt=PROMPT, duration=4) as answers,
    ):
        if gate is None:
            await server.stands()
        else:
            await until(gate.reached.is_set)
        server.kill()
    assert answers == []
    scene.upstream.open_all()
    if place in {"arrived", "charged"}:
        await until(lambda: scene.upstream.paid)


async def asked_again(scene: Scene, server: Server, paid: int) -> VideoResult:
    video = await server.make(PROMPT)
    await scene.prove(server)
    assert len(scene.upstream.paid_for(PROMPT)) == paid
    return video


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("veo_mcp.store:Store.claim", id="before the INSERT"),
        pytest.param("veo_mcp.store:Store.begin_sending", id="between INSERT and POST"),
    ],
)
async def test_a_death_before_the_paid_call_costs_nothing_and_the_next_order_pays_once(
    scene: Scene, place: str
) -> None:
    await killed_at(scene, place)
    assert scene.upstream.paid == []
    async with scene.server() as server:
        left = await server.ledger()
        assert [(job.status, job.error and job.error.charged) for job in left] in ([], [("failed", "no")])
        video = await asked_again(scene, server, paid=1)
    assert (video.status, video.reused) == ("completed", False)


@pytest.mark.parametrize(
    ("place", "paid"),
    [
        pytest.param("veo_mcp.client:VeoClient.create", 0, id="when the call is about to leave", marks=SLOW),
        pytest.param("arrived", 1, id="during the POST, before it is charged"),
        pytest.param("charged", 1, id="during the POST, after it is charged", marks=SLOW),
        pytest.param("veo_mcp.store:Store.accept", 1, id="between the answer and its recording"),
    ],
)
async def test_a_death_around_the_paid_call_leaves_an_unknown_outcome_that_is_never_paid_again(
    scene: Scene, place: str, paid: int
) -> None:
    await killed_at(scene, place)
    async with scene.server() as server:
        video = await asked_again(scene, server, paid=paid)
        assert (video.status, video.reused) == ("unknown", True)
        for generation in scene.upstream.paid:
            found = await server.status(generation.id, wait_seconds=30)
            assert found.video is not None
            assert found.video.sha256 == generation.sha256
        another = await server.make(PROMPT, new_variant=True)
    assert another.status == "completed"
    assert len(scene.upstream.paid_for(PROMPT)) == paid + 1


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("veo_mcp.store:Store.accept!", id="right after the id is recorded", marks=SLOW),
        pytest.param("polled", id="while polling"),
        pytest.param("half", id="in the middle of a download"),
        pytest.param("veo_mcp.artifacts:Artifacts.keep", id="before the rename"),
        pytest.param("veo_mcp.artifacts:Artifacts.keep!", id="after the rename", marks=SLOW),
        pytest.param("veo_mcp.fetching:Fetching.fetch!", id="before the file is in the ledger", marks=SLOW),
    ],
)
async def test_a_death_after_the_id_is_known_loses_nothing(scene: Scene, place: str) -> None:
    await killed_at(scene, place)
    async with scene.server() as server:
        video = await asked_again(scene, server, paid=1)
        assert (video.status, video.reused) == ("completed", True)
    assert _names(scene.videos) == [Path(video.video.path).name if video.video else ""]


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
