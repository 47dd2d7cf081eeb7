"""Encryption in front of a server that has none, as a managed Redis offers it. The certificate is self-made, for localhost only.

tests/support/tls/: localhost.pem is the key and the certificate, authority.pem what a client must be told to trust. Made by

    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=localhost \
      -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=critical,CA:TRUE
"""

import asyncio
import contextlib
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_FOLDER = Path(__file__).parent / "tls"
AUTHORITY = _FOLDER / "authority.pem"


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
    with contextlib.suppress(OSError, RuntimeError):
        sink.close()


async def _serve(target_port: int) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(_FOLDER / "localhost.pem")

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target_port)
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))

    asyncio.get_running_loop().set_exception_handler(
        lambda *_: None
    )  # clients that do not trust us leave in the middle
    server = await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def tls_front(target_port: int) -> Iterator[int]:
    """Give the port of 127.0.0.1 at which a local port is reached encrypted, through a process of its own."""
    command = [sys.executable, "-m", __spec__.name, str(target_port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
