"""A process that is told to end closes what it has open first, on every system."""

import signal

import anyio
import pytest

from veo_mcp.signals import handling, until_told_to_end


async def test_a_signal_cancels_the_block_and_is_remembered() -> None:
    ended = False
    async with until_told_to_end(signal.SIGTERM) as told:
        signal.raise_signal(signal.SIGTERM)
        try:
            await anyio.sleep(10)
        finally:
            signal.raise_signal(signal.SIGTERM)
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
                ended = True
    assert (told.is_set(), ended) == (True, True)


async def test_a_block_that_ends_by_itself_was_not_told_to() -> None:
    async with until_told_to_end(signal.SIGTERM) as told:
        pass
    assert not told.is_set()


async def test_a_loop_that_receives_no_signals_is_called_by_a_handler() -> None:
    called = anyio.Event()
    before = signal.getsignal(signal.SIGTERM)
    with handling(called.set, signal.SIGTERM):
        signal.raise_signal(signal.SIGTERM)
        with anyio.fail_after(5):
            await called.wait()
    assert signal.getsignal(signal.SIGTERM) is before


async def test_a_handler_is_put_back_though_the_block_fails() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(RuntimeError), handling(lambda: None, signal.SIGTERM):
        raise RuntimeError
    assert signal.getsignal(signal.SIGTERM) is before
