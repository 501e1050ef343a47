"""The same record, the same bytes, in every process."""

import os
from collections.abc import Iterable

from tensorflow_datasets.core import writer
from tensorflow_datasets.proto import tf_example_pb2


class CanonicalWriter(writer.ExampleWriter):
    """Writes records with their fields in alphabetical order.

    A record is a protocol buffer whose fields are a map, and Python's protobuf writes a map in an
    order that changes from process to process: without this, rebuilding a data set gives other
    files with the same content.
    """

    def write(self, path: os.PathLike, examples: Iterable[tuple[object, bytes]]) -> object:
        """Writes keys and serialized records to one file."""
        return super().write(path, ((key, canonical(data)) for key, data in examples))


def canonical(serialized: bytes) -> bytes:
    """A serialized `tf.train.Example` with its fields in order."""
    return tf_example_pb2.Example.FromString(serialized).SerializeToString(deterministic=True)
