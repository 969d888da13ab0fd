"""`/portal/export`: a client's owner takes along all that is kept of the firm, as one archive."""

import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo
from zoneinfo import ZoneInfo

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from pbx_control import clock
from pbx_control.catalogue import counted
from pbx_control.services.tenant import Tenant, actor_of, as_tenant, reader_of
from pbx_control.services.tenant_export import ExportOf, File
from pbx_control.web.pages import page, say
from pbx_control.web.site import person_of, site_of

HERE = "/portal/export"
TOO_OFTEN = counted(
    "That was asked for several times of late. Try again in a minute.",
    "That was asked for several times of late. Try again in {minutes} minutes.",
    by="minutes",
)


async def form(request: Request) -> Response:
    """GET /portal/export"""
    return await _form(request)


async def export(request: Request) -> Response:
    """POST /portal/export: the archive, made while it is read."""
    site, person = site_of(request), person_of(request)
    if wait := site.exports.take(str(person.client_id)):
        return await _form(request, say(request, TOO_OFTEN, minutes=-(-wait // 60)), wait)
    actor = actor_of(person, request.client.host if request.client else "")
    his, now = ExportOf(site.engine, site.home, reader_of(person), actor), clock.now()
    slug = await run_sync(his.note, now)
    local = now.astimezone(ZoneInfo(site.settings.office.timezone))
    headers = {"Content-Disposition": f'attachment; filename="{slug}-{local:%Y-%m-%d}.zip"'}
    return StreamingResponse(zipped(his.files(), local), media_type="application/zip", headers=headers)


def zipped(files: Iterable[File], at: datetime) -> Iterator[bytes]:
    """An archive of these files, a piece at a time."""
    sink = _Sink()
    with ZipFile(sink, "w") as archive:
        for file in files:
            info = ZipInfo(file.name, at.timetuple()[:6])
            info.compress_type = ZIP_STORED if file.sound else ZIP_DEFLATED
            info.external_attr = 0o600 << 16
            # How long it will be is not known before.
            with archive.open(info, "w", force_zip64=True) as out:
                for piece in file.pieces:
                    out.write(piece)
                    yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """What is written here is taken away again at once."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: bytes) -> int:  # type: ignore[override]
        self._pieces.append(bytes(piece))
        return len(piece)

    def taken(self) -> bytes:
        """What was written since the last time."""
        found, self._pieces = b"".join(self._pieces), []
        return found


async def _form(request: Request, problem: str = "", wait: int = 0) -> Response:
    site, person = site_of(request), person_of(request)

    def read() -> str:
        with as_tenant(site.engine, person) as tenant:
            return _firm(tenant)

    shown = {"firm": await run_sync(read), "problem": problem}
    headers = {"Retry-After": str(wait)} if wait else None
    return page(request, "portal/export.html.j2", status=429 if wait else 200, headers=headers, shown=shown, here=HERE)


def _firm(tenant: Tenant) -> str:
    return tenant.client.name
