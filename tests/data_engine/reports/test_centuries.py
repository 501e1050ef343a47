import pytest

from data_engine.reports.centuries import century_name, century_of, count_centuries


@pytest.mark.parametrize(
    ("words", "century"),
    [
        ("Attic vase, 5th century BC", -5),
        ("5th-4th century B.C.E. krater", -5),
        ("late 18th century", 18),
        ("19th-century plaster", 19),
        ("2nd century AD portrait", 2),
        ("1st c. BCE", -1),
        ("coin of 500 BC", -5),
        ("coin of 501 BC", -6),
        ("323–31 BC", -4),
        ("struck in AD 120", 2),
        ("struck 117-138 AD", 2),
        ("struck in 100 CE", 1),
        ("struck in 101 CE", 2),
        ("Teapot, 1780", 18),
        ("c. 1800", 18),
        ("c. 1801", 19),
        ("1888 (cast)", 19),
        ("Ming dynasty (1368-1644)", 14),
        ("青花瓷瓶 1426–1435", 15),
    ],
)
def test_dates_in_numbers_give_a_century(words, century):
    assert century_of(words) == century


@pytest.mark.parametrize(
    "words",
    [
        "",
        "Ming dynasty bowl",
        "1960s office chair",
        "mid century lounge chair",
        "scanned in 2019",
        "inv. 1872,0604.3",
        "No. 1780",
        "model #1234",
        "Vase 1250g",
        "12 AC units",
        "99th century",
        "chair_1780",
        "https://museum.example/1780/object",
        "1,780 pieces",
        "1780.50 euros",
    ],
)
def test_everything_else_is_unknown(words):
    assert century_of(words) is None


def test_the_title_counts_before_the_description():
    assert century_of("Vase, 1750", "a copy of the 5th century BC") == 18
    assert century_of("Vase", "a copy of the 5th century BC") == -5


def test_centuries_are_listed_in_the_order_of_time_with_the_unknown_last():
    counted = count_centuries([18, None, -5, 1, 18, -12])
    assert list(counted.items()) == [
        ("12th c. BC", 1),
        ("5th c. BC", 1),
        ("1st c.", 1),
        ("18th c.", 2),
        ("unknown", 1),
    ]
    assert [century_name(n) for n in (2, 3, 11, 13, 21)] == [
        "2nd c.",
        "3rd c.",
        "11th c.",
        "13th c.",
        "21st c.",
    ]
