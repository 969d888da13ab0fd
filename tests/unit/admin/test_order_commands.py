"""`order`: what clients have ordered on their pages."""

from acting import ADMIN
from terminal import Admin

from pbx_control.clock import now
from pbx_control.services import client_orders
from pbx_control.services.work import booking
from pbx_control.settings import Home, Settings
from pbx_control.store import clients
from pbx_control.store.engine import open_engine


def ordered(office: Admin, calls: int) -> None:
    engine = open_engine(Home(office.home), Settings())
    with booking(engine, ADMIN, now()) as work:
        client_orders.order_bag(work, Settings(), clients.find(work.conn, "andes").id, calls)
    engine.dispose()


def test_orders_are_listed_confirmed_and_refused(office: Admin) -> None:
    plan = ["--calls", "10", "--price", "39000", "--extra-call", "450", "--contacts", "2", "--calendars", "1"]
    office.does("plan", "set", "inicial", *plan)
    office.does("plan", "assign", "andes", "inicial")
    ordered(office, 25)
    assert "bag 25" in office.does("order", "list")
    spanish = {"LC_ALL": "es_CL.UTF-8"}
    assert "bolsa 25" in office.does("order", "list", env=spanish)
    assert "pedido: bolsa 25; precio" in office.does("audit", "list", env=spanish | {"COLUMNS": "400"})
    assert "order 1 is confirmed: andes has the bag 25" in office.does("order", "confirm", "1")
    assert office.reads("bag", "list", "andes")[0]["price"] == 11_250
    assert "decided already" in office.is_refused("order", "confirm", "1")
    ordered(office, 50)
    office.does("order", "refuse", "2", "--why", "Falta pagar")
    assert office.reads("order", "list") == []
    states = [(row["id"], row["state"], row["why"]) for row in office.reads("order", "list", "--all")]
    assert states == [(2, "refused", "Falta pagar"), (1, "confirmed", "")]
    assert "`order list --all` shows them" in office.is_refused("order", "refuse", "3", "--why", "x")
