from s2s.cli.rendering.rows import Rows


def test_labels_stand_at_their_place_while_there_is_room() -> None:
    rows = Rows(2)
    assert [rows.place(x, 50, 10) for x in (0, 100, 120)] == [(0, 0), (100, 0), (120, 1)]


def test_a_label_moves_a_little_and_not_further() -> None:
    rows = Rows(1)
    rows.place(0, 50, 10)
    assert rows.place(50, 10, 10) == (56, 0)
    assert rows.place(50, 10, 10) is None
