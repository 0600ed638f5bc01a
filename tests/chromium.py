"""Chromium without a window, told what to do by its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

__all__ = ["Browser", "Page", "chromium"]

_SECONDS = 120
_OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-quic",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip


@contextlib.asynccontextmanager
async def chromium(directory: Path) -> AsyncIterator[Browser]:
    """A browser with a profile of its own in this directory; skips the test where there is no Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs chromium, which is not on this machine")
    process = await asyncio.create_subprocess_exec(
        program, *_OPTIONS, "--remote-debugging-port=0", f"--user-data-dir={directory}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with aiohttp.ClientSession() as session, session.ws_connect(await _address(directory)) as socket:
            browser = Browser(socket)
            listening = asyncio.create_task(browser.listen())
            yield browser
            listening.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _address(directory: Path) -> str:
    told = directory / "DevToolsActivePort"
    async with asyncio.timeout(_SECONDS):
        while not told.exists() or len(told.read_text().split()) < 2:
            await asyncio.sleep(0.05)
    port, path = told.read_text().split()
    return f"ws://127.0.0.1:{port}{path}"


class Browser:
    """A browser at the other end of a socket. `visitor` is somebody new, with no cookies and nothing stored."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def listen(self) -> None:
        """Hand answers to those who wait for them."""
        async for message in self._socket:
            told = json.loads(message.data)
            if (waiting := self._answers.pop(told.get("id"), None)) is not None and not waiting.done():
                waiting.set_result(told)

    async def call(self, method: str, session: str = "", **words: Any) -> dict[str, Any]:
        """The result of a command; raises `RuntimeError` with what the browser says is wrong."""
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        command = {"id": number, "method": method, "params": words, **({"sessionId": session} if session else {})}
        await self._socket.send_str(json.dumps(command))
        async with asyncio.timeout(_SECONDS):
            told = await self._answers[number]
        if "error" in told:
            raise RuntimeError(f"{method}: {told['error']['message']}")
        result: dict[str, Any] = told["result"]
        return result

    async def visitor(self) -> Page:
        """A window of a new visitor."""
        context = (await self.call("Target.createBrowserContext"))["browserContextId"]
        target = (await self.call("Target.createTarget", url="about:blank", browserContextId=context))["targetId"]
        session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        return Page(self, context, session)


class Page:
    """A visitor's window."""

    def __init__(self, browser: Browser, context: str, session: str) -> None:
        self._browser = browser
        self._context = context
        self._session = session

    async def open(self, url: str, until: str) -> None:
        """Go to a page and wait until an expression is true there."""
        await self._browser.call("Page.navigate", self._session, url=url)
        async with asyncio.timeout(_SECONDS):
            while not await self._is(until):
                await asyncio.sleep(0.02)

    async def _is(self, expression: str) -> bool:
        try:
            return bool(await self.run(expression))
        except RuntimeError:
            return False  # the page before has gone, this one has not come

    async def run(self, expression: str) -> Any:
        """The value of an expression on the page; a promise is waited for."""
        words = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        told = await self._browser.call("Runtime.evaluate", self._session, **words)
        if "exceptionDetails" in told:
            raise RuntimeError(told["exceptionDetails"].get("exception", {}).get("description", "it failed"))
        return told["result"].get("value")

    async def picture(self, width: int, scale: float = 2) -> bytes:
        """A PNG of the whole page in a window of this width, `scale` dots a pixel of CSS."""
        shape = {"width": width, "height": 100, "deviceScaleFactor": scale, "mobile": False}
        await self._browser.call("Emulation.setDeviceMetricsOverride", self._session, **shape)
        height = await self.run("document.body.getBoundingClientRect().height")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        words = {"format": "png", "clip": clip, "captureBeyondViewport": True}
        taken = await self._browser.call("Page.captureScreenshot", self._session, **words)
        return base64.b64decode(taken["data"])

    async def leave(self) -> None:
        """Close the window; what the visitor has stored is gone."""
        await self._browser.call("Target.disposeBrowserContext", browserContextId=self._context)
