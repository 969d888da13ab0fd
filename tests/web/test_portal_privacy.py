"""An owner reads who else processes the client's data, and takes the annex along; nobody sees another client's."""

import pytest
from acting import ADMIN
from browsing import Browser, Place

from pbx_control.clock import now
from pbx_control.services import subprocessors
from pbx_control.services.work import booking
from pbx_control.settings import Settings
from pbx_control.store import clients


@pytest.fixture
def registered(place: Place) -> Place:
    """One for all, one for Lagos alone, with hostile names."""
    with booking(place.engine, ADMIN, now()) as work:
        subprocessors.add(work, Settings(), "<b>Bodega</b>", "guarda <i>copias</i>", "CL")
        lagos = clients.find(work.conn, "lagos").id
        subprocessors.add(work, Settings(), "Traductora", "traduce", "AR", client_id=lagos)
    return place


async def owner(place: Place, who: str = "gerencia") -> Browser:
    browser = place.browser()
    await browser.sign_in(who)
    return browser


async def test_an_owner_sees_who_else_processes_the_clients_data(registered: Place) -> None:
    page = (await (await owner(registered)).get("/portal/privacy")).text
    assert 'data-subprocessor="&lt;b&gt;Bodega&lt;/b&gt;"' in page
    assert "guarda &lt;i&gt;copias&lt;/i&gt; · Chile" in page
    assert "Traductora" not in page
    assert "Traductora" in (await (await owner(registered, "lagos")).get("/portal/privacy")).text


async def test_who_has_nobody_else_reads_so(place: Place) -> None:
    assert 'class="nothing"' in (await (await owner(place)).get("/portal/privacy")).text


async def test_he_takes_the_annex_along(registered: Place) -> None:
    answer = await (await owner(registered)).get("/portal/privacy/annex.pdf")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == 'attachment; filename="anexo-andes.pdf"'
    assert answer.content.startswith(b"%PDF-")
