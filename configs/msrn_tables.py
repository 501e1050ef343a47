"""One experiment per M-SRN row of the paper's Tables 2 to 12.

    jaxrelic train configs/msrn_tables.py:t8_without_fc --workdir runs/tables/t8_without_fc

Data sets are prepared folders below `data/` (`jaxrelic data --help`), each with the candidates of
`jaxrelic neighbours` (--count 8 for `t12_8`). Tables 3, 4 and 6 start from the network that `t2`
left in `runs/tables/t2`, and so do the rows of 7, 9, 11 and 12. The full model has no row of its
own there: it is `t2` on ShapeNet and `t4` on Pascal3D+. None has been run.
"""

import dataclasses
import functools
import pathlib
import runpy

from jaxrelic.train.experiment import Experiment

SHAPENET = (
    "airplane",
    "bench",
    "cabinet",
    "car",
    "chair",
    "display",
    "lamp",
    "phone",
    "rifle",
    "sofa",
    "speaker",
    "table",
    "vessel",
)

_PAPER = runpy.run_path(str(pathlib.Path(__file__).with_name("msrn_paper.py")))
T2 = dataclasses.replace(_PAPER["get_config"](), name="msrn_tables_t2")


def _with(plain: Experiment, row: str, *, memory=None, neighbours=None, data=None) -> Experiment:
    """`plain` with some settings of memory, neighbours and data changed, named after its row."""
    task = plain.task
    model = dataclasses.replace(
        task.model,
        memory=dataclasses.replace(task.model.memory, **memory or {}),
        neighbours=dataclasses.replace(task.model.neighbours, **neighbours or {}),
    )
    task = dataclasses.replace(task, model=model, data=dataclasses.replace(task.data, **data or {}))
    return dataclasses.replace(plain, name=f"msrn_tables_{row}", task=task)


def _real(row: str, path: str, categories: int) -> Experiment:
    """A run on photographs, from the network of `t2`: its codes are open from the start."""
    plain = _with(T2, row, data={"path": path}, memory={"categories": categories})
    model = dataclasses.replace(
        plain.task.model, shape_milestones=((0, 64),), texture_milestones=((0, 512),)
    )
    task = dataclasses.replace(plain.task, model=model, initial="runs/tables/t2")
    return dataclasses.replace(plain, task=task)


def _alone(row: str, name: str) -> Experiment:
    """A run on one category of ShapeNet."""
    return _with(T2, row, data={"path": f"data/shapenet-{name}"}, memory={"categories": 1})


T3 = _real("t3", "data/pix3d", 9)
T4 = _real("t4", "data/pascal3d", 12)
T6 = _real("t6", "data/pascal3d-car", 1)
OFF, UNICORN = {"source": "none"}, {"source": "unicorn"}
NO_CANDIDATES = {"neighbours": 0}

ROWS = {
    "t2": lambda: T2,
    "t3": lambda: T3,
    "t4": lambda: T4,
    **{f"t5_{name}": functools.partial(_alone, f"t5_{name}", name) for name in SHAPENET},
    "t6": lambda: T6,
    # Masks of U2-Net alone, and those of the annotations.
    "t7_of": lambda: _with(T4, "t7_of", data={"path": "data/pascal3d-u2net"}),
    "t7_gt": lambda: _with(T4, "t7_gt", data={"path": "data/pascal3d-annotated"}),
    "t8_without_fc": lambda: _with(T2, "t8_without_fc", memory={"compensation": False}),
    "t8_without_nc": lambda: _with(T2, "t8_without_nc", neighbours=OFF, data=NO_CANDIDATES),
    "t9_un": lambda: _with(T4, "t9_un", neighbours=UNICORN, data=NO_CANDIDATES),
    "t9_sc": lambda: _with(T4, "t9_sc", neighbours={"source": "fixed"}),
    "t9_sc_sampled": lambda: _with(T4, "t9_sc_sampled", neighbours={"source": "sampled"}),
    "t10_5": lambda: _with(T2, "t10_5", memory={"prototypes": 5}),
    "t10_20": lambda: _with(T2, "t10_20", memory={"prototypes": 20}),
    "t11_2": lambda: _with(T4, "t11_2", memory={"identities": 2}),
    "t11_8": lambda: _with(T4, "t11_8", memory={"identities": 8}),
    "t12_3": lambda: _with(T4, "t12_3", data={"neighbours": 3}),
    "t12_8": lambda: _with(T4, "t12_8", data={"neighbours": 8}),
}
