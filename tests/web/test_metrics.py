"""`/metrics`: what Prometheus is told, and who may ask for it. `/healthz`: whether calls are taken."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from browsing import Place

from pbx_control.clock import now
from pbx_control.domain.figures.levels import Sums
from pbx_control.domain.words.sentences import Sentence
from pbx_control.live.news import CallNow, DaemonNow, SecretaryNow, State
from pbx_control.store import job_runs, nodes, quarters
from pbx_control.store.engine import writing
from pbx_control.store.quarters import Counted
from pbx_control.store.tables import letter
from pbx_control.web import health
from pbx_control.web.wall import metrics, wall

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana-dashboard.json"


def told(place: Place, *calls: CallNow) -> None:
    her = SecretaryNow(1, "Ana", registered=True)
    place.site.room.feed._hear(State("e", 0, DaemonNow(1, True, now()), calls, (her,)))


async def scraped(place: Place, address: str = "127.0.0.1", **headers: str) -> dict[str, float]:
    answer = await place.browser(address, **headers).get("/metrics")
    assert answer.status_code == 200
    lines = [line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


async def test_the_figures_are_those_of_the_wallboard(place: Place) -> None:
    told(place, CallNow("c1", "waiting", 1, client="andes", caller="+56223334455", waiting_since=now()))
    with writing(place.engine) as conn:
        some = Sums(in_time=3, late=1, abandoned=1, brief=2, unanswered=1)
        quarters.add(conn, [Counted(1, now(), "main", some)])
        nodes.take(conn, "main", "here", "p")
        job_runs.claim(conn, "backup", now(), now())
        facts = {"channel": "email", "address": "a@b.example", "body_text": "x", "message_id": "1", "client_id": 1}
        written = now() - timedelta(hours=1)
        conn.execute(letter.insert().values(facts | {"written_at": written, "due_at": now()}))
    with writing(place.engine) as conn:
        run = job_runs.latest(conn)["backup"]
        job_runs.finish(conn, "backup", run.due_at, now(), Sentence("done"))
    found = await scraped(place)
    assert (found["pbx_waiting_callers"], found['pbx_calls{phase="waiting"}'], found['pbx_calls{phase="talking"}']) == (
        (1, 1, 0)
    )
    assert (found['pbx_secretaries{state="ready"}'], found['pbx_secretaries{state="pause"}']) == (1, 0)
    became = {name: found[f'pbx_calls_today{{became="{name}"}}'] for name in ("in_time", "late", "abandoned", "brief")}
    assert became == {"in_time": 3, "late": 1, "abandoned": 1, "brief": 2}
    assert found["pbx_service_level_ratio"] == 0.5
    assert (found["pbx_outbox_letters"], found["pbx_undelivered_letters"]) == (1, 1)
    assert 3600 <= found["pbx_outbox_oldest_age_seconds"] < 3700
    assert 0 <= found['pbx_job_last_success_age_seconds{job="backup"}'] < 100
    assert (found['pbx_nodes{state="alive"}'], found["pbx_mirror_waiting"]) == (1, 0)
    assert (found["pbx_daemon_ready"], found["pbx_database_up"]) == (1, 1)
    assert any(name.startswith("pbx_disk_free_bytes{") for name in found)
    assert any(name.startswith("pbx_build_info{") for name in found)


async def test_no_name_and_no_number_stands_in_it(place: Place) -> None:
    told(
        place,
        CallNow("c1", "waiting", 1, client="andes", client_name="Andes", caller="+56223334455", waiting_since=now()),
    )
    with writing(place.engine) as conn:
        quarters.add(conn, [Counted(1, now(), "main", Sums(in_time=1))])
    text = (await place.browser("127.0.0.1").get("/metrics")).text
    assert not re.search(r"andes|ana|lagos|\+?56223334455", text.replace(str(place.site.home.root), ""), re.IGNORECASE)


async def test_what_nobody_knows_is_left_out(place: Place) -> None:
    found = await scraped(place)
    assert (found["pbx_daemon_ready"], found["pbx_database_up"]) == (0, 1)
    assert "pbx_waiting_callers" not in found
    assert "pbx_service_level_ratio" not in found


async def test_however_many_ask_it_is_measured_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    house = metrics._House
    monkeypatch.setattr(metrics, "_House", lambda *given: made.append(given) or house(*given))
    monkeypatch.setattr(metrics, "GOOD_FOR", 3600.0)
    for _ in range(5):
        await scraped(place)
    assert len(made) == 1


ELSEWHERE = "198.51.100.7"


@pytest.mark.parametrize(
    ("address", "base", "headers", "status"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080", {}, 200),
        ("::1", "http://localhost:8080", {}, 200),
        ("127.0.0.2", "http://localhost", {}, 200),  # whatever name it is asked by
        ("::ffff:127.0.0.1", "http://127.0.0.1:8080", {}, 200),
        (ELSEWHERE, "http://127.0.0.1:8080", {}, 403),
        (ELSEWHERE, "http://localhost", {}, 403),
        (ELSEWHERE, "http://127.0.0.1:8080", {"authorization": "Bearer of-the-office"}, 200),
        (ELSEWHERE, "http://127.0.0.1:8080", {"authorization": "bearer of-the-office"}, 200),
        (ELSEWHERE, "http://127.0.0.1:8080", {"authorization": "Bearer of-the-offic"}, 403),
        (ELSEWHERE, "http://127.0.0.1:8080", {"authorization": "Bearer "}, 403),
        (ELSEWHERE, "http://127.0.0.1:8080", {"authorization": "Basic of-the-office"}, 403),
        # A proxy on this machine asks for somebody else.
        ("127.0.0.1", "https://desk.example.com", {}, 403),
        ("127.0.0.1", "http://127.0.0.1:8080", {"x-forwarded-for": ELSEWHERE}, 403),
        ("127.0.0.1", "http://127.0.0.1:8080", {"forwarded": f"for={ELSEWHERE}"}, 403),
        ("127.0.0.1", "http://127.0.0.1:8080", {"x-forwarded-for": "127.0.0.1"}, 403),
        ("127.0.0.1", "http://127.0.0.1:8080", {"x-forwarded-server": "desk"}, 403),
        ("127.0.0.1", "http://127.0.0.1:8080", {"x-client-ip": ELSEWHERE}, 403),
        ("127.0.0.1", "http://127.0.0.1:8080", {"cf-connecting-ip": ELSEWHERE}, 403),
        ("127.0.0.1", "http://127.0.0.1:8080", {"via": "1.1 proxy"}, 403),
    ],
)
async def test_only_this_machine_and_who_has_the_token_may_ask(
    place: Place, tmp_path: Path, address: str, base: str, headers: dict[str, str], status: int
) -> None:
    public = Place(tmp_path, place.engine, public_url="https://desk.example.com", metrics_token="of-the-office")
    browser = public.browser(address, base)
    assert (await browser.client.get("/metrics", headers=headers)).status_code == status


async def test_without_a_token_none_is_good(place: Place) -> None:
    for given in ("", "x"):
        answer = await place.browser().client.get("/metrics", headers={"authorization": f"Bearer {given}"})
        assert answer.status_code == 403


async def test_every_figure_of_the_dashboard_is_told(place: Place) -> None:
    import json

    told(place)
    with writing(place.engine) as conn:
        quarters.add(conn, [Counted(1, now(), "main", Sums(in_time=1))])
        job_runs.claim(conn, "backup", now(), now())
        job_runs.finish(conn, "backup", job_runs.latest(conn)["backup"].due_at, now(), Sentence("done"))
    there = {name.partition("{")[0] for name in await scraped(place)}
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    asked = {name for query in queries for name in re.findall(r"\bpbx_\w+", query)}
    assert asked == there


@pytest.mark.parametrize(
    ("daemon", "store", "status", "switch"),
    [
        ("ready", True, 200, "ok"),
        ("waiting", True, 503, "away"),
        ("away", True, 503, "unknown"),
        ("ready", False, 503, "ok"),
    ],
)
async def test_it_is_well_only_if_calls_are_taken(
    place: Place, monkeypatch: pytest.MonkeyPatch, daemon: str, store: bool, status: int, switch: str
) -> None:
    monkeypatch.setattr(health, "_daemon", lambda _: daemon)
    if not store:
        monkeypatch.setattr(health, "_ask", _away)
    answer = await place.browser().get("/healthz")
    assert (answer.status_code, answer.json()) == (
        status,
        {"daemon": daemon, "database": "ok" if store else "away", "switch": switch},
    )


def _away(_: object) -> None:
    from pbx_control.errors import StoreUnavailable

    raise StoreUnavailable("away")


async def test_metrics_are_told_without_a_database(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from pbx_control.errors import StoreUnavailable

    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    told(place)
    monkeypatch.setattr(metrics.gauges, "read", away)
    monkeypatch.setattr(wall.figures, "today", away)
    found = await scraped(place)
    assert (found["pbx_database_up"], found["pbx_waiting_callers"]) == (0, 0)
    assert "pbx_outbox_letters" not in found
