"""Large files on their way to the site: in parts, of which one that gets lost is sent again, not the whole file.

The client itself gives up at the first part that fails. An upload can't be asked how far it is, but each part's answer
says how many megabytes have arrived by then: so a part whose answer alone got lost, and which is there twice then, is
seen, and the upload is begun again. Parts of a few megabytes are too small to be told apart so.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from blocks.errors import Unavailable
from blocks.http.polling import Pauses
from blocks.site.tableau.client.endpoints import Server

PAUSES = Pauses(first=1, longest=15, factor=2)
TRIES = 4  # of one part
UPLOADS = 3  # of one file
SURE_MB = 3  # parts of at least this size can be counted by the answers, which round to megabytes
MB = 1 << 20


def resume_uploads(server: Server) -> None:
    """Let this client's uploads go on after a part that got lost."""
    server.fileuploads.upload = lambda file: _upload(server, Path(file))


def _upload(server: Server, path: Path) -> str:
    """Upload a file; return the upload's id. Raises Unavailable if the server never has what was sent."""
    for _ in range(UPLOADS):
        upload = str(server.fileuploads.initiate())
        if _send_parts(server, upload, path):
            return upload
    raise Unavailable(
        f"Upload {path.name}",
        f"{UPLOADS} times not all of it arrived, or a part arrived twice",
        "Set TSC_CHUNK_SIZE_MB to a smaller number for the worker, or look at the network between.",
    )


def _send_parts(server: Server, upload: str, path: Path) -> bool:
    """Send a file part by part. False if the server then has another number of bytes, or may have."""
    sent = 0
    for part in _read_parts(path):
        arrived, sure = _send_part(server, upload, part)
        sent += len(part)
        if len(part) < SURE_MB * MB:
            if not sure:
                return False
        elif abs(arrived - sent / MB) > len(part) / MB - 2:
            return False
    return True


def _send_part(server: Server, upload: str, part: bytes) -> tuple[int, bool]:
    """Send a part, again if its answer is lost: megabytes that arrived by then, and whether one try was enough."""
    from requests import RequestException
    from tableauserverclient.server.endpoint.exceptions import InternalServerError
    from tableauserverclient.server.request_factory import RequestFactory
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

    def send() -> int:
        request, kind = RequestFactory.Fileupload.chunk_req(part)
        return int(server.fileuploads.append(upload, request, kind).file_size)

    again = Retrying(
        retry=retry_if_exception_type((RequestException, InternalServerError)),
        stop=stop_after_attempt(TRIES),
        wait=wait_exponential(multiplier=PAUSES.first, exp_base=PAUSES.factor, max=PAUSES.longest),
        reraise=True,
    )
    return again(send), again.statistics["attempt_number"] == 1


def _read_parts(path: Path) -> Iterator[bytes]:
    """A file in as few parts as the client's TSC_CHUNK_SIZE_MB allows, all of a size."""
    from tableauserverclient.config import config

    size = path.stat().st_size
    parts = max(1, -(-size // (config.CHUNK_SIZE_MB * MB)))
    length = -(-size // parts)
    with path.open("rb") as file:
        while part := file.read(length):
            yield part
