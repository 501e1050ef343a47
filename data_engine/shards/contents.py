"""What the records of a finished data set are about, read from its files."""

import pathlib
from collections.abc import Iterator

from array_record.python.array_record_module import ArrayRecordReader


def raw_records(folder: pathlib.Path) -> Iterator[tuple[str, bytes]]:
    """Split and bytes of every record of a data set."""
    for path in sorted(folder.glob("*.array_record*")):
        split = path.name.partition(".")[0].rpartition("-")[2]
        reader = ArrayRecordReader(str(path))
        for row in range(reader.num_records()):
            yield split, reader.read([row])[0]
        reader.close()


def read_texts(folder: pathlib.Path, *names: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Split and text fields of every record; fields that a record lacks are left out."""
    from tensorflow_datasets.proto import tf_example_pb2  # Takes seconds to import

    for split, record in raw_records(folder):
        fields = tf_example_pb2.Example.FromString(record).features.feature
        present = (name for name in names if name in fields)
        yield split, {name: fields[name].bytes_list.value[0].decode() for name in present}
