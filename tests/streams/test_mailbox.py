from __future__ import annotations

import asyncio
import threading

from streams.mailbox import Mailbox


async def in_thread(mailbox: Mailbox[int], numbers: range) -> int:
    def put_all() -> int:
        dropped = sum(mailbox.put(number) for number in numbers)
        mailbox.finish()
        return dropped

    return await asyncio.to_thread(put_all)


async def test_the_latest_item_wins_and_the_others_are_counted() -> None:
    mailbox: Mailbox[int] = Mailbox()
    assert await in_thread(mailbox, range(10)) == 9
    assert await mailbox.get() == 9
    assert await mailbox.get() is None


async def test_a_lossless_mailbox_makes_its_thread_wait_and_keeps_the_order() -> None:
    mailbox: Mailbox[int] = Mailbox(lossless=True, capacity=3)
    putting = asyncio.create_task(in_thread(mailbox, range(500)))
    received = []
    while (item := await asyncio.wait_for(mailbox.get(), 30)) is not None:
        received.append(item)
        if item % 50 == 0:
            await asyncio.sleep(0.001)
    assert received == list(range(500))
    assert await putting == 0


async def test_a_waiting_coroutine_is_woken_by_the_thread() -> None:
    mailbox: Mailbox[int] = Mailbox()
    getting = asyncio.create_task(mailbox.get())
    await asyncio.sleep(0.01)
    assert not getting.done()
    await asyncio.to_thread(mailbox.put, 7)
    assert await asyncio.wait_for(getting, 10) == 7


async def test_a_cancelled_get_loses_nothing() -> None:
    mailbox: Mailbox[int] = Mailbox()
    getting = asyncio.create_task(mailbox.get())
    await asyncio.sleep(0.01)
    getting.cancel()
    await asyncio.to_thread(mailbox.put, 7)
    assert await asyncio.wait_for(mailbox.get(), 10) == 7


async def test_closing_frees_a_thread_that_waits_for_room() -> None:
    mailbox: Mailbox[int] = Mailbox(lossless=True, capacity=1)
    mailbox.put(1)
    thread = threading.Thread(target=mailbox.put, args=(2,))
    thread.start()
    mailbox.close()
    await asyncio.to_thread(thread.join, 10)
    assert not thread.is_alive()
    assert await mailbox.get() is None
    assert mailbox.put(3) == 0


def test_a_thread_outlives_the_event_loop() -> None:
    async def make() -> Mailbox[int]:
        return Mailbox()

    mailbox = asyncio.run(make())
    assert mailbox.put(1) == 0
    assert mailbox.put(2) == 0
