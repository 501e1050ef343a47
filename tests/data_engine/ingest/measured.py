"""Judges files, each in a forked child of its own under hard limits, and measures what it took.

    python measured.py < tasks    # lines of JSON: {"kind": "mesh", "path": ..., "target": ...}

Writes one line of JSON per task: verdict, words, CPU seconds and peak resident memory in MB. The
fork inherits the loaded libraries, so its peak includes them and its CPU time does not.
"""

import json
import os
import resource
import sys
import traceback

CPU_S = 5
ADDRESS_SPACE = 4 << 30


def judge_mesh(task: dict) -> tuple[str, str]:
    from data_engine.errors import Refusal
    from data_engine.ingest.convert import convert_file
    from data_engine.validate import validate_blob

    try:
        made = task["target"] if convert_file(task)["converted"] else task["path"]
        return "taken", json.dumps(validate_blob({"path": made}))
    except Refusal as refusal:
        return refusal.reason, refusal.sentence


def judge_archive(task: dict) -> tuple[str, str]:
    from data_engine.errors import Refusal
    from data_engine.ingest.archives import unpack

    try:
        return "taken", json.dumps(unpack({"path": task["path"], "folder": task["target"]}))
    except Refusal as refusal:
        return refusal.reason, refusal.sentence


def judge_photo(task: dict) -> tuple[str, str]:
    """`decoded` is a sound picture in which no object is found."""
    import pathlib

    from jaxrelic.errors import UserError
    from jaxrelic.photos.photo import read_photo, read_picture

    verdict = "refused"
    try:
        read_picture(pathlib.Path(task["path"]))
        verdict = "decoded"
        return "taken", read_photo(pathlib.Path(task["path"])).mask_source
    except UserError as error:
        return verdict, str(error)


JUDGES = {"mesh": judge_mesh, "archive": judge_archive, "photo": judge_photo}


def load_libraries() -> None:
    import jaxrelic.photos.photo  # noqa: F401


def in_a_child(task: dict) -> dict:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
            resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
            os.write(writer, json.dumps(JUDGES[task["kind"]](task)).encode())
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    _, status, used = os.wait4(pid, 0)
    verdict, words = json.loads(said) if said else (f"ended with status {status}", "")
    cpu_s = used.ru_utime + used.ru_stime
    return {"verdict": verdict, "words": words, "cpu_s": cpu_s, "peak_mb": used.ru_maxrss / 1024}


if __name__ == "__main__":
    load_libraries()
    for line in sys.stdin:
        print(json.dumps(in_a_child(json.loads(line))), flush=True)
