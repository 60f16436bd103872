from veo_mcp.pulse import Pulse, rings


async def test_a_beat_rings_every_waiter_of_the_job_and_no_other() -> None:
    pulse = Pulse()
    first, second, other = pulse.next_beat("a"), pulse.next_beat("a"), pulse.next_beat("b")
    pulse.beat("a")
    assert [await rings(bell, 0) for bell in (first, second, other)] == [True, True, False]


async def test_a_beat_between_taking_the_bell_and_waiting_is_not_missed() -> None:
    pulse = Pulse()
    bell = pulse.next_beat("a")
    pulse.beat("a")
    pulse.beat("a")
    assert await rings(bell, 0)
    assert not await rings(pulse.next_beat("a"), 0)


async def test_a_poke_is_for_the_watcher_only() -> None:
    pulse = Pulse()
    bell = pulse.next_beat("a")
    pulse.poke("a")
    pulse.beat("nobody waits")
    assert not await rings(bell, 0)
    assert not await pulse.wait_for_poke("a", 0)
