from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from throughline.formats import FormatError
from throughline.formats._table import NumberTable, read_table


def read(path: Path, text: str) -> NumberTable:
    path.write_text(text)
    return read_table(path, least=2, defaults=(np.nan, np.nan, 7.0, -1.0), expected="a,b[,c[,d]]")


def test_columns_that_lack_are_filled_and_others_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    assert read(path, "1,2\n3,4\n").values.tolist() == [[1, 2, 7, -1], [3, 4, 7, -1]]
    assert read(path, "1,2,3,4,5\n6,7,8,9,10\n").values.tolist() == [[1, 2, 3, 4], [6, 7, 8, 9]]
    assert len(read(path, "")) == len(read(path, "\n \n")) == 0


def test_lines_need_not_be_alike(tmp_path: Path) -> None:
    table = read(tmp_path / "a.txt", " 1, 2\n\n3,4,5,\n6,7,8,9,10\n1e3,nan\n")
    np.testing.assert_array_equal(table.values, [[1, 2, 7, -1], [3, 4, 5, -1], [6, 7, 8, 9], [1000, np.nan, 7, -1]])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1", "expected at least 2 numbers, a,b"),
        ("1,two", "expected numbers, a,b"),
        ("1,,2", "expected numbers"),
        ("# 1,2", "expected numbers"),
    ],
)
@pytest.mark.parametrize("before", ["1,2\n", "\n", "1,2,3\n"])
def test_errors_name_file_and_line(tmp_path: Path, before: str, line: str, problem: str) -> None:
    with pytest.raises(FormatError, match=problem) as caught:
        read(tmp_path / "a.txt", f"{before}\n{line}\n")
    assert str(caught.value).startswith(f"{tmp_path / 'a.txt'}:3: ")


@pytest.mark.parametrize("wrong", ["0", "1.5", "9", "nan", "inf", "-inf"])
def test_whole_numbers_are_whole_and_within_bounds(tmp_path: Path, wrong: str) -> None:
    table = read(tmp_path / "a.txt", f"1,2\n\n{wrong},3\n")
    with pytest.raises(FormatError, match=r"a\.txt:3: size must be a whole number from 1 to 8, found"):
        table.whole(0, "size", least=1, most=8)
    assert table.whole(1, "size", least=1).tolist() == [2, 3]
    with pytest.raises(FormatError, match=r"a\.txt:1: size must be a whole number from 3 on, found 2"):
        table.whole(1, "size", least=3)
