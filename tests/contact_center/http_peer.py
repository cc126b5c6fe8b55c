"""A small web server that answers every request with what the test has put in."""

import asyncio
import json
import ssl
from typing import Any


class HttpPeer:
    def __init__(self, answer: Any) -> None:
        self.answer = answer
        """A value becomes JSON, bytes stay."""
        self.status = 200
        self.slow_s = 0.0
        self.drip_s = 0.0
        self.requests: list[str] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self, context: ssl.SSLContext | None = None) -> "HttpPeer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        assert self._server
        self._server.close()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
            await asyncio.sleep(self.slow_s)
            body = self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
            writer.write(
                f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            )
            for at in range(0, len(body), 10 if self.drip_s else len(body)):
                writer.write(body[at : at + 10] if self.drip_s else body)
                await asyncio.sleep(self.drip_s)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
