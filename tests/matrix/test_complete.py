"""Every cell of the matrix has its test, once, and the page shows it."""

from __future__ import annotations

import pytest

from tests.matrix import page
from tests.matrix.table import CELLS, ENDS, POINTS, ROWS, TOLD, tells


@pytest.fixture(autouse=True)
def every_test() -> None:
    page.import_tests()


def test_every_cell_is_told_by_one_test():
    assert set(CELLS) - set(TOLD) == set()
    assert set(TOLD) == set(CELLS)


def test_a_cell_cannot_be_told_twice():
    def test_of_somebody_else() -> None:
        """Never run."""

    with pytest.raises(ValueError, match="lock-B is told by"):
        tells(lock="B")(test_of_somebody_else)


def test_an_empty_cell_cannot_be_told():
    with pytest.raises(KeyError):
        tells(lock="C")


def test_every_cell_names_an_end():
    assert [str(cell) for cell in CELLS.values() if cell.end not in ENDS] == []
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert all(len(row.cells) == len(POINTS) for row in ROWS)


def test_the_page_shows_the_matrix_as_it_is():
    assert page.PAGE.read_text() == page.render()
