"""The table of protocols and their names."""

import pytest

from jaxrelic.errors import UserError
from jaxrelic.metrics import protocols


def test_names_may_be_joined_by_commas_and_come_once():
    chosen = protocols.named(("none,unicorn", "none", "sdf-srn"))
    assert [protocol.name for protocol in chosen] == ["none", "unicorn", "sdf-srn"]


def test_all_is_every_protocol_that_the_papers_use():
    names = {protocol.name for protocol in protocols.named(("all",))}
    papers = {"unicorn", "sdf-srn", "zeroshape", "ucmr", "eq46", "p3d_icp", "view_centric"}
    assert names == set(protocols.PROTOCOLS) > papers


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(
        UserError, match=r"no protocol 'unicron'; choose one of unicorn, .*, or all"
    ):
        protocols.named(("none", "unicron"))
