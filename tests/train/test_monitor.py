import math

import pytest

from jaxrelic.train.monitor import DivergedError, Monitor, check_finite


def test_rows_hold_means_of_all_steps_since_the_last_row():
    rows = []
    monitor = Monitor(lambda step, means: rows.append((step, means["loss"])), every=3)
    for step in range(1, 8):
        monitor.add(step, {"loss": float(step)})
    monitor.finish(7)
    assert rows == [(3, 2.0), (6, 5.0), (7, 7.0)]


def test_the_term_is_named_before_the_sums_it_spoils():
    logs = {"loss": math.nan, "grad_norm": math.nan, "silhouette": 0.1, "laplacian": math.inf}
    with pytest.raises(DivergedError, match="step 12 is not finite: laplacian = inf;"):
        check_finite(12, logs)


def test_a_gradient_alone_is_named_too():
    with pytest.raises(DivergedError, match="grad_norm = nan"):
        check_finite(3, {"loss": 1.0, "grad_norm": math.nan, "silhouette": 1.0})


def test_settling_looks_at_the_last_step():
    monitor = Monitor(lambda step, means: None, every=10)
    monitor.add(1, {"loss": math.nan})
    with pytest.raises(DivergedError, match="step 1 "):
        monitor.settle()


def test_faces_that_the_renderer_left_out_are_announced(caplog):
    monitor = Monitor(lambda step, means: None, every=2)
    for step, dropped in enumerate([0.0, 0.0, 0.0, 3.0], start=1):
        monitor.add(step, {"loss": 0.0, "dropped_faces": dropped})
    monitor.finish(4)
    (warning,) = caplog.messages
    assert warning.startswith("step 4: the renderer left out 1.5 faces per image")
