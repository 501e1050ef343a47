"""The same record, the same bytes, in every process, as fast to read as it can be."""

import os
from collections.abc import Iterable

from array_record.python import array_record_module
from tensorflow_datasets.core import writer
from tensorflow_datasets.proto import tf_example_pb2

_OPTIONS = "group_size:1,uncompressed"
"""One record per chunk, for random access. Records are images, which are compressed already: a
second compression would make reading twice as slow and the files a twentieth smaller."""


class CanonicalWriter(writer.ExampleWriter):
    """Writes ArrayRecord files whose records have their fields in alphabetical order.

    A record is a protocol buffer whose fields are a map, and Python's protobuf writes a map in an
    order that changes from process to process: without this, rebuilding a data set gives other
    files with the same content.
    """

    def write(self, path: os.PathLike, examples: Iterable[tuple[object, bytes]]) -> None:
        """Writes keys and serialized records to one file."""
        file = array_record_module.ArrayRecordWriter(os.fspath(path), _OPTIONS)
        for _, serialized in examples:
            file.write(canonical(serialized))
        file.close()


def canonical(serialized: bytes) -> bytes:
    """A serialized `tf.train.Example` with its fields in order."""
    return tf_example_pb2.Example.FromString(serialized).SerializeToString(deterministic=True)
