import pytest

from jaxrelic.data.fixtures import archives


@pytest.fixture(scope="session")
def fixture_archive(tmp_path_factory):
    """Folder of the miniature archive of a layout, written once; not to be changed."""
    written = {}

    def folder(layout):
        if layout not in written:
            written[layout] = tmp_path_factory.mktemp("archives") / layout
            archives.write_fixture(layout, written[layout])
        return written[layout]

    return folder
