import pytest

from data_engine.text import progress as progress_module
from data_engine.text.progress import progress
from data_engine.text.quantities import duration, rate, size


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only when told to, for us and for tqdm."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("time.time", lambda: now[0])
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


def test_a_log_gets_a_line_per_interval_and_one_at_the_end(clock, capsys):
    with progress(100, stage="render", unit="relic") as bar:
        bar._time = progress_module.time.time  # tqdm kept the real clock when it was imported
        bar.start_t = bar.last_print_t = 0.0
        for number in range(1, 10):
            clock(10.0)
            if number % 4 == 0:
                bar.refused("crash" if number == 4 else "timeout")
            bar.update()
    assert capsys.readouterr().err.splitlines() == [
        "render: 3/100 relics, 6.0/min, 16:10 min left",
        "render: 6/100 relics, 6.0/min, 15:40 min left, 1 out: 1 crash",
        "render: 9/100 relics, 6.0/min, 15:10 min left, 2 out: 1 crash, 1 timeout",
        "render: 9 relics in 90.0 s (6.0/min), 2 out: 1 crash, 1 timeout",
    ]


def test_a_terminal_shows_the_reasons_beside_the_bar(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with progress(2, stage="validate", unit="relic") as bar:
        bar.refused("bomb")
        bar.update(2)
    shown = capsys.readouterr().err
    assert "1 out: 1 bomb" in shown
    assert "2/2" in shown
    assert "validate: 2 relics in" not in shown


def test_the_most_frequent_reason_comes_first(capsys):
    with progress(None, stage="ingest", unit="file") as bar:
        for reason in ("bomb", "crash", "crash", "age"):
            bar.refused(reason)
            bar.update()
    assert capsys.readouterr().err.endswith("4 out: 2 crash, 1 age, 1 bomb\n")


def test_a_stage_without_work_says_so_in_one_line(capsys):
    with progress(0, stage="render", unit="relic"):
        pass
    assert capsys.readouterr().err == "render: 0 relics in 0.0 s\n"


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (size(0), "0 B"),
        (size(999), "999 B"),
        (size(999_600), "1.0 MB"),
        (size(1_500), "1.5 kB"),
        (size(2.5e14), "250.0 TB"),
        (rate(3.21), "3.2/s"),
        (rate(0.5), "30.0/min"),
        (rate(1 / 3600), "1.0/h"),
        (duration(59.9), "59 s"),
        (duration(125), "2:05 min"),
        (duration(9000), "2:30 h"),
    ],
)
def test_quantities_read_well(shown, words):
    assert shown == words
