"""How long a body may take to come."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

_SLOWEST_BYTES_PER_S = 1000.0


def in_time(receive: Receive, silence_s: float) -> Receive:
    """Give up a body of which nothing comes for that long, or which comes more slowly than a kB a second.

    What is received after the body is the end of the connection, for which an answer may wait as long as it lasts.
    """
    waited_s, received, is_whole = 0.0, 0, False

    async def received_in_time() -> Message:
        nonlocal waited_s, received, is_whole
        if is_whole:
            return await receive()
        loop = asyncio.get_running_loop()
        began = loop.time()
        left_s = min(silence_s, silence_s + received / _SLOWEST_BYTES_PER_S - waited_s)
        try:
            message = await asyncio.wait_for(receive(), max(left_s, 0.001))
        except TimeoutError as error:
            raise HTTPException(408, "the upload came too slowly, or nothing of it came; send it again") from error
        waited_s += loop.time() - began
        received += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        return message

    return received_in_time
