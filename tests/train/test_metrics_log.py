import json

from jaxrelic.train.metrics_log import open_metrics_log


def test_continuing_drops_rows_of_steps_that_were_not_saved(tmp_path):
    with open_metrics_log(tmp_path, start=0) as log:
        for step in (1, 2, 3):
            log.write(step, {"loss": step / 2})
    path = tmp_path / "metrics.jsonl"
    path.write_text(path.read_text() + '{"step": 4, "lo')  # A crash while writing.
    with open_metrics_log(tmp_path, start=2) as log:
        log.write(3, {"loss": 9.0})
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["step"], row["loss"]) for row in rows] == [(1, 0.5), (2, 1.0), (3, 9.0)]


def test_tensorboard_gets_the_same_numbers(tmp_path):
    with open_metrics_log(tmp_path, start=0) as log:
        log.write(1, {"loss": 0.5})
    (events,) = (tmp_path / "tensorboard").iterdir()
    assert b"loss" in events.read_bytes()
