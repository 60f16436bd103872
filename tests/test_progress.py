from veo_mcp.progress import Progress

Report = tuple[float, float | None, str | None]


async def reported(usual: float, seconds: list[float], end: float | None = None) -> list[Report]:
    reports: list[Report] = []

    async def report(progress: float, total: float | None, message: str | None) -> None:
        reports.append((progress, total, message))

    progress = Progress(report, usual)
    for second in seconds:
        await progress.so_far(second, f"{second}")
    if end is not None:
        await progress.done(end, "done")
    return reports


async def test_progress_is_the_seconds_gone_of_the_usual_ones() -> None:
    assert await reported(75, [0, 10, 20], 30) == [(0, 75, "0"), (10, 75, "10"), (20, 75, "20"), (30, 30, "done")]


async def test_a_total_is_grown_before_it_would_be_reached() -> None:
    reports = await reported(10, [9.9, 12, 15.5, 1000])
    assert all(total is not None and progress < total for progress, total, _ in reports)
    totals = [total or 0 for _, total, _ in reports]
    assert totals == sorted(totals)


async def test_progress_grows_although_time_stands_still_or_goes_back() -> None:
    figures = [progress for progress, _, _ in await reported(75, [5, 5, 5, 4, 0], 3)]
    assert figures == sorted(set(figures))


async def test_the_end_is_full() -> None:
    for end in (0.0, 5.0, 500.0):
        progress, total, _ = (await reported(75, [1, 2], end))[-1]
        assert progress == total


async def test_nothing_usual_is_no_trouble() -> None:
    assert await reported(0, [0]) == [(0, 1, "0")]
