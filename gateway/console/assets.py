"""The console's files: style, scripts and vendored libraries, in memory, under an address that changes with them.

`/static/{digest}/…` is kept by browsers for ever, since other contents have another digest; it is one for all files, so
that a script may import its neighbour by a relative name. Nothing is built, and nothing comes from another host.
"""

import gzip
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FOLDER: Final = Path(__file__).parent / "static"

# What browsers must be told, since we let them guess nothing.
MEDIA: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_FOR_EVER: Final = {
    "cache-control": "public, max-age=31536000, immutable",
    "x-content-type-options": "nosniff",
    "vary": "accept-encoding",
}


class Asset(NamedTuple):
    """One file."""

    media: str
    content: bytes
    compressed: bytes  # by gzip


class Assets:
    """Every file of the console."""

    def __init__(self, folder: Path = FOLDER) -> None:
        paths = sorted(path for path in folder.rglob("*") if path.suffix in MEDIA)
        self.files = {path.relative_to(folder).as_posix(): _read(path) for path in paths}
        digest = sha256()
        for name, asset in self.files.items():
            digest.update(name.encode() + sha256(asset.content).digest())
        self.base = f"/static/{digest.hexdigest()[:16]}"

    def url(self, name: str) -> str:
        """The address of a file. Raises KeyError for one that there is not."""
        self.files[name]
        return f"{self.base}/{name}"

    def route(self) -> Route:
        """The route that serves them."""

        async def show_asset(request: Request) -> Response:
            asset = self.files.get(request.path_params["name"])
            if asset is None:
                raise HTTPException(404)
            if "gzip" in request.headers.get("accept-encoding", ""):
                headers = {**_FOR_EVER, "content-encoding": "gzip"}
                return Response(asset.compressed, headers=headers, media_type=asset.media)
            return Response(asset.content, headers=_FOR_EVER, media_type=asset.media)

        return Route(f"{self.base}/{{name:path}}", show_asset)


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    return Asset(MEDIA[path.suffix], content, gzip.compress(content, 9, mtime=0))
