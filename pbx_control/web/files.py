"""The files of the pages' looks, as the package brings them: read once, at addresses that change with their content."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from mimetypes import guess_type

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

# A year: whoever has a file need not ask again, as another content has another address.
KEEP = "public, max-age=31536000, immutable"


class Files:
    """All of them in memory: an address is looked up, so that none leads out of the folder."""

    def __init__(self) -> None:
        self._files: Mapping[str, bytes] = dict(_below(files("pbx_control.web") / "static", ""))
        whole = sha256()
        for name, content in sorted(self._files.items()):
            whole.update(f"{name} {len(content)} ".encode() + content)
        # One for all, so that a file may name another one beside it.
        self.version = whole.hexdigest()[:16]

    def address(self, name: str) -> str:
        """Where a browser finds a file. Raises KeyError for one that is not there."""
        self._files[name]
        return f"/static/{self.version}/{name}"

    def answer(self, version: str, name: str) -> Response:
        """The file. Raises HTTPException (404) if there is none, or none of that version."""
        if version != self.version or name not in self._files:
            raise HTTPException(404)
        kind = guess_type(name)[0] or "application/octet-stream"
        return Response(self._files[name], media_type=kind, headers={"Cache-Control": KEEP})


async def static(request: Request) -> Response:
    """GET /static/VERSION/NAME"""
    found: Files = request.app.state.site.files
    return found.answer(request.path_params["version"], request.path_params["name"])


def _below(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for one in folder.iterdir():
        if one.is_dir():
            yield from _below(one, f"{prefix}{one.name}/")
        else:
            yield f"{prefix}{one.name}", one.read_bytes()
