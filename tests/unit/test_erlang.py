"""What callers meet at a number of secretaries: against published figures, and what holds whatever the figures."""

from math import exp, factorial, inf, isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_control.domain.staffing.erlang import GOAL, HALF_HOUR, Load, Service, needed, service

LOADS = st.builds(
    Load,
    calls=st.floats(0, 1500),
    talk=st.floats(1, 900),
    patience=st.one_of(st.just(0.0), st.just(inf), st.floats(0, 3600)),
)
STAFF = st.integers(0, 120)


def erlang_c(erlangs: float, staff: int) -> float:
    """The share that waits, by the textbook's formula (A. K. Erlang, 1917)."""
    last = erlangs**staff / factorial(staff) * staff / (staff - erlangs)
    return last / (sum(erlangs**each / factorial(each) for each in range(staff)) + last)


def test_garnett_mandelbaum_reiman() -> None:
    """O. Garnett, A. Mandelbaum, M. Reiman, "Designing a call center with impatient customers", M&SOM 4 (2002), 3,
    table 1: 48 calls a minute of one minute each, 50 agents, patience 2 minutes or without end."""
    patient, impatient = (service(Load(48 * 30, 60.0, patience), 50) for patience in (inf, 120.0))
    assert (round(impatient.gave_up, 3), round(impatient.wait, 1), round(impatient.busy, 2)) == (0.031, 3.7, 0.93)
    assert (patient.gave_up, round(patient.wait, 1), round(patient.busy, 2)) == (0.0, 20.8, 0.96)


@pytest.mark.parametrize(("erlangs", "staff"), [(0.5, 1), (2.0, 3), (10.0, 12), (20.0, 24), (55.0, 60)])
def test_without_end_of_patience_it_is_erlang_c(erlangs: float, staff: int) -> None:
    talk = 180.0
    met = service(Load(erlangs / talk * HALF_HOUR, talk), staff, within=20)
    waits = erlang_c(erlangs, staff)
    assert met.waited == pytest.approx(waits, abs=1e-6)
    assert met.level == pytest.approx(1 - waits * exp(-(staff - erlangs) * 20 / talk), abs=1e-5)
    assert met.wait == pytest.approx(waits * talk / (staff - erlangs), rel=1e-4)


@pytest.mark.parametrize(
    ("erlangs", "staff", "lost"),
    # The usual table of Erlang B: 1 % is lost at 0.0101, 1.36, 4.46 and 12.0 erlangs on 1, 5, 10 and 20 lines.
    [(0.0101, 1, 0.01), (1.361, 5, 0.01), (4.461, 10, 0.01), (12.03, 20, 0.01)],
)
def test_without_patience_it_is_erlang_b(erlangs: float, staff: int, lost: float) -> None:
    met = service(Load(erlangs / 180 * HALF_HOUR, 180.0, 0.0), staff)
    assert (met.gave_up, met.wait) == (pytest.approx(lost, abs=2e-4), 0.0)
    assert met.level == pytest.approx(1 - lost, abs=2e-4)


@given(LOADS, STAFF)
def test_shares_are_shares(load: Load, staff: int) -> None:
    met = service(load, staff)
    assert all(0 <= one <= 1 for one in (met.level, met.waited, met.gave_up, met.busy))
    assert not isnan(met.wait)
    assert met.wait >= -1e-9


@given(LOADS, STAFF)
def test_one_more_does_no_harm(load: Load, staff: int) -> None:
    assert service(load, staff + 1).level >= service(load, staff).level - 1e-6


@given(LOADS)
def test_what_is_needed_is_enough_and_no_more(load: Load) -> None:
    enough = needed(load)
    if load.calls >= 0.01:
        assert service(load, enough).level >= GOAL
        assert service(load, enough - 1).level < GOAL


@given(st.floats(0, 3000), st.floats(1, 900), st.floats(1, 3600))
def test_more_calls_need_no_fewer(calls: float, talk: float, patience: float) -> None:
    assert needed(Load(calls * 1.1, talk, patience)) >= needed(Load(calls, talk, patience))


def test_nobody_is_there() -> None:
    for patience in (0.0, 60.0, inf):
        assert service(Load(5, 180.0, patience), 0).level == 0
    assert service(Load(5, 180.0, 60.0), 0).gave_up == pytest.approx(1.0)


def test_nobody_calls() -> None:
    assert service(Load(0, 180.0), 0) == Service(1.0, 0.0, 0.0, 0.0, 0.0)
    assert needed(Load(0, 180.0)) == 0
