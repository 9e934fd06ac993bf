"""Every kind of bad row is reported with its file, line and cure; good ones become records."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.errors import InputError
from components.ingest import ratings
from components.ingest.contract import RowError, input_error
from components.ingest.layouts import find_layout
from components.ingest.ratings import EntityOf, InteractionOf
from components.ingest.settings import InteractionsData, RatingsData, TableData
from components.ingest.table_reader import parse_rows

RANDOM = {"method": "random", "eval_fraction": 0.5, "seed": 0}
HEADER = "userId,movieId,rating,timestamp\n"
GOOD = "".join(
    f"u{user},i{item},{1 + (user + item) % 5},{user * 10 + item}\n" for user in range(9) for item in range(4)
)


def settings(source: str, **changes: Any) -> RatingsData:
    return RatingsData.model_validate(
        {"source": source, "rating_range": [0.5, 5.0], "split": RANDOM, **changes}
    )


def rows(data: TableData) -> list[Any]:
    """Return what the reader makes of each row, without Beam around it."""
    file = find_layout(data).interactions[0]
    return list(parse_rows(0, file, InteractionOf(data)))


@pytest.fixture
def failure(write: Callable[..., str]) -> Callable[..., str]:
    def fail(content: str | bytes, **changes: Any) -> str:
        path = write("ratings.csv", content)
        errors = [row for row in rows(settings(path, **changes)) if isinstance(row, RowError)]
        return str(input_error(errors[:5], len(errors))).replace(path, "FILE")

    return fail


BAD_ROWS = {
    "missing column": (
        "userId,rating\nu,3\n",
        "FILE:1: There is no column `item_id`; the header is `userId,rating`.",
        "--set data.columns.item_id=<name in the file>",
    ),
    "renamed column": (
        "userId,movieId,raiting\nu,i,3\n",
        "FILE:1: There is no column `rating`; it has `raiting`, did you mean `rating`?",
        "Rename it to `rating`, or `--set data.columns.rating=raiting`.",
    ),
    "extra column": (
        "userId,movieId,rating,mood\nu,i,3,gay\n",
        "FILE:1: There is an extra column `mood`.",
        "--set data.ignore_columns=[mood]",
    ),
    "two columns for one": (
        "userId,uid,movieId,rating\nu,u,i,3\n",
        "FILE:1: Both `userId` and `uid` could be the column `user_id`.",
        "--set data.ignore_columns=[uid]",
    ),
    "text where a number belongs": (
        f"{HEADER}u,i,3,1\nu,j,good,2\n",
        "FILE:3: `rating` is `good`, which is not a number.",
        "Write a number",
    ),
    "empty rating": (f"{HEADER}u,i,,1\n", "FILE:2: `rating` is ``, which is not a number.", "Write a number"),
    "text where a time belongs": (
        f"{HEADER}u,i,3,yesterday\n",
        "FILE:2: `timestamp` is `yesterday`, which is not a number.",
        "Write a number",
    ),
    "rating not finite": (
        f"{HEADER}u,i,nan,1\n",
        "FILE:2: `rating` is `nan`, which is not finite.",
        "finite number",
    ),
    "rating infinite": (
        f"{HEADER}u,i,-inf,1\n",
        "FILE:2: `rating` is `-inf`, which is not finite.",
        "finite number",
    ),
    "rating too high": (
        f"{HEADER}u,i,3,1\nu,j,10,2\n",
        "FILE:3: Rating 10 is outside [0.5, 5].",
        "--set data.rating_range=[0.5,10]",
    ),
    "rating too low": (
        f"{HEADER}u,i,0,1\n",
        "FILE:2: Rating 0 is outside [0.5, 5].",
        "--set data.rating_range=[0,5]",
    ),
    "empty user": (f"{HEADER},i,3,1\n", "FILE:2: `user_id` is empty.", "Give every row an id"),
    "empty item": (f"{HEADER}u, ,3,1\n", "FILE:2: `item_id` is empty.", "Give every row an id"),
    "empty file": ("", "FILE: The file is empty.", "at least one row of ratings"),
    "header only": (HEADER, "FILE:1: The file has a header and no rows.", "at least one row of ratings"),
    "NUL byte": (f"{HEADER}u,i,3,1\nu,j\0,3,1\n", "FILE:3: There is a NUL byte at column 4.", "Remove it"),
    "short row": (
        f"{HEADER}u,i,3,1\n\nu,j,3\n",
        "FILE:4: The row has 3 fields where the header has 4.",
        "Mend the row",
    ),
    "long row": (
        f"{HEADER}u,i,3,1,9\n",
        "FILE:2: The row has 5 fields where the header has 4.",
        "needs quotes",
    ),
    "short row without header": (
        "u1,i1,3,1\nu1,i2,3\n",
        "FILE:2: The row has 3 fields where the first row has 4.",
        "Mend the row",
    ),
    "too few fields without header": (
        "7,3\n",
        "FILE:1: The first row has 2 fields and no header names that are known.",
        "Add a header line, or give the fields user_id,item_id,rating or",
    ),
    "wrong encoding": (
        f"{HEADER}u,i,3,1\nJosé,j,3,1\n".encode("latin-1"),
        "FILE:3: Byte 0xe9 at column 4 is not utf-8.",
        "--set data.encoding=latin-1",
    ),
    "utf-16": (
        f"{HEADER}u,i,3,1\n".encode("utf-16"),
        "FILE:1: There is a NUL byte at column 4.",
        "Save the file as utf-8: it is utf-16.",
    ),
    "open quote": (
        f'{HEADER}u,i,3,1\nu,"j,3,1\n',
        "FILE:3: The row's quotes are wrong: unexpected end of data.",
        "--set data.quoting=none",
    ),
    "the line after a field of several lines": (
        f'{HEADER}u,"a\nb",3,1\nu,j,bad,1\n',
        "FILE:4: `rating` is `bad`, which is not a number.",
        "Write a number",
    ),
}


@pytest.mark.parametrize(("content", "problem", "cure"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_bad_ratings_name_file_line_and_cure(
    failure: Callable[..., str], content: str | bytes, problem: str, cure: str
) -> None:
    message = failure(content)

    assert message.startswith(problem)
    assert cure in message
    assert message.endswith(".")


def test_all_bad_rows_become_one_error_that_lists_the_first_and_counts_the_rest(
    failure: Callable[..., str],
) -> None:
    message = failure(HEADER + "".join(f"u,i{line},9,1\n" for line in range(20)))

    assert message.startswith("FILE:2: Rating 9 is outside")
    assert "And 19 more:" in message
    assert "FILE:6: " in message
    assert "FILE:7: " not in message


def test_truncated_gzip_is_an_error_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv.gz"
    path.write_bytes(gzip.compress((HEADER + GOOD).encode())[:-20])

    last = rows(settings(str(path)))[-1]

    assert isinstance(last, RowError)
    assert last.problem.startswith("The file cannot be decompressed")
    assert last.line > 1


def test_errors_leave_beam_as_one_input_error(write: Callable[..., str], run: Callable[..., Any]) -> None:
    path = write("ratings.csv", f"{HEADER}u,i,3,1\nu,j,9,1\nu,k,bad,1\n")

    with pytest.raises(InputError, match="And 1 more") as caught:
        run(ratings, settings(path))

    assert (caught.value.source, caught.value.line, caught.value.exit_code) == (path, 3, 2)


def test_leave_last_without_timestamps_is_an_error_with_another_split_as_cure(
    failure: Callable[..., str],
) -> None:
    message = failure("userId,movieId,rating\nu,i,3\nu,j,3\n", split={"method": "leave_last"})

    assert message.startswith("FILE:1: There is no column `timestamp`")
    assert "--set data.split.method=random" in message


def test_leave_last_with_an_empty_timestamp_names_the_line(failure: Callable[..., str]) -> None:
    message = failure(f"{HEADER}u,i,3,1\nu,j,3,\n", split={"method": "leave_last"})

    assert message.startswith("FILE:3: `timestamp` is ``")


@pytest.mark.parametrize(
    ("split", "empty"),
    [({"method": "leave_last"}, "eval"), ({"method": "random", "eval_fraction": 0.999999}, "train")],
)
def test_an_empty_split_is_an_error(
    write: Callable[..., str], run: Callable[..., Any], split: dict[str, Any], empty: str
) -> None:
    path = write("ratings.csv", f"{HEADER}u,i,3,1\n")

    with pytest.raises(InputError, match=f"The `{empty}` split is empty") as caught:
        run(ratings, settings(path, split=split))

    assert "data.split" in caught.value.cure


@pytest.mark.parametrize(
    "content",
    [
        HEADER + GOOD,
        "\ufeff" + HEADER + GOOD,
        (HEADER + GOOD).replace("\n", "\r\n"),
        GOOD,
        (HEADER + GOOD).replace(",", "\t"),
        (HEADER + GOOD).replace(",", ";"),
        GOOD.replace(",", "::"),
        GOOD.replace(",", "|"),
        GOOD.replace(",", " "),
        '"User-ID","ISBN","Book-Rating","unixReviewTime"\n' + GOOD,
        "timestamp,stars,ITEM_ID,Reviewer Id\n"
        + "".join(",".join(reversed(row.split(","))) + "\n" for row in GOOD.splitlines()),
    ],
    ids=[
        "header",
        "BOM",
        "CRLF",
        "no header",
        "TSV",
        "semicolons",
        "::",
        "|",
        "blanks",
        "aliases",
        "any order",
    ],
)
def test_every_accepted_form_gives_the_same_rows(write: Callable[..., str], content: str) -> None:
    expected = [(f"u{u}", f"i{i}", 1.0 + (u + i) % 5, 10 * u + i) for u in range(9) for i in range(4)]

    found = rows(settings(write("ratings.txt", content)))

    assert [(user, item, rating, time) for user, (_, _, item, rating, time, _) in found] == expected


def test_gzip_is_decompressed(write: Callable[..., str]) -> None:
    assert len(rows(settings(write("ratings.csv.gz", HEADER + GOOD)))) == 36


def test_last_of_duplicate_rows_is_kept_counted_and_said(
    write: Callable[..., str], run: Callable[..., Any]
) -> None:
    path = write("ratings.csv", HEADER + GOOD + "u0,i0,5,99\nu0,i0,2,1\n")

    found, report = run(ratings, settings(path))

    kept = [r for r in found["train"] + found["eval"] if (r["user_id"], r["item_id"]) == ("u0", "i0")]
    assert [(r["rating"], r["timestamp"]) for r in kept] == [(2.0, 1)]
    assert report.summary() == "36 ratings, 9 users, 4 items; 2 duplicate rows dropped (last kept)"


def test_a_pair_in_both_split_files_stays_in_eval_only(
    write: Callable[..., str], run: Callable[..., Any]
) -> None:
    source = write("u1.base", "a\tx\t3\t1\na\ty\t4\t2\n").rpartition("/")[0]
    write("u1.test", "a\tx\t1\t3\n")

    found, report = run(
        ratings, settings(source, split={"method": "files", "train": "u1.base", "eval": "u1.test"})
    )

    assert [r["item_id"] for r in found["train"]] == ["y"]
    assert [r["item_id"] for r in found["eval"]] == ["x"]
    assert "1 duplicate rows dropped" in report.summary()


def test_tables_give_titles_and_every_rated_item_is_an_item(
    write: Callable[..., str], run: Callable[..., Any]
) -> None:
    source = write("ratings.csv", HEADER + GOOD).rpartition("/")[0]
    write(
        "movies.csv",
        'movieId,title,genres\ni0,"Beat, The",Drama|War\ni9,Cold,(no genres listed)\ni0,Beat,War\n',
    )
    write("users.csv", "user_id,sex,age\nu0,F,31\n")

    found, report = run(ratings, settings(source))

    items = {record["item_id"]: record for record in found["items"]}
    assert items["i0"] == {"item_id": "i0", "title": "Beat", "genres": ["War"]}
    assert items["i9"] == {"item_id": "i9", "title": "Cold"}
    assert items["i1"] == {"item_id": "i1"}
    users = {record["user_id"]: record for record in found["users"]}
    assert users["u0"] == {"user_id": "u0", "gender": "F", "age": "31"}
    assert len(users) == 9
    assert report.summary() == (
        "36 ratings, 9 users, 5 items; 1 duplicate items dropped (last kept), "
        "3 items not in the item table, 8 users not in the user table"
    )


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("movieId,titel\ni0,Beat\n", "it has `titel`, did you mean `title`?"),
        ("movieId,title,imdb\ni0,Beat,1\n", "There is an extra column `imdb`."),
        ("movieId,title\ni0\n", "The row has 1 fields where the header has 2."),
        ("movieId,title\n", "The file has a header and no rows."),
    ],
)
def test_bad_item_table_names_file_and_cure(write: Callable[..., str], table: str, problem: str) -> None:
    source = write("ratings.csv", HEADER + GOOD).rpartition("/")[0]
    path = write("items.csv", table)
    items = find_layout(settings(source)).items
    assert items

    (error,) = [row for row in parse_rows(0, items, EntityOf("item_id")) if isinstance(row, RowError)]

    assert error.file == path
    assert problem in error.problem
    assert error.cure


def test_settings_name_columns_and_leave_others_out(write: Callable[..., str]) -> None:
    path = write("log.csv", "who;what;how;why\nu;i;3;x\nv;j;4;y\n")
    columns = {"user_id": "who", "item_id": "what", "rating": "how"}

    found = rows(settings(path, columns=columns, ignore_columns=["why"]))

    assert [(user, row[2], row[3]) for user, row in found] == [("u", "i", 3.0), ("v", "j", 4.0)]


def test_a_column_named_in_settings_that_is_not_there_is_an_error(failure: Callable[..., str]) -> None:
    message = failure(HEADER + GOOD, columns={"rating": "grade"})

    assert "`data.columns.rating` is `grade`, which the header" in message


def test_interactions_need_no_rating_and_keep_none(
    write: Callable[..., str], run: Callable[..., Any]
) -> None:
    path = write("interactions.tsv", "a\tx\na\ty\nb\tx\nb\tz\n")
    data = InteractionsData.model_validate({"source": path, "split": RANDOM | {"seed": 1}})

    found, report = run(ratings, data)

    assert all(set(record) == {"user_id", "item_id"} for record in found["train"] + found["eval"])
    assert report.summary() == "4 interactions, 2 users, 3 items"


def test_interactions_below_the_lowest_rating_are_left_out(write: Callable[..., str]) -> None:
    path = write("ratings.csv", HEADER + GOOD)
    data = InteractionsData.model_validate({"source": path, "split": RANDOM, "min_rating": 4})

    assert len(rows(data)) == sum(int(row.split(",")[2]) >= 4 for row in GOOD.splitlines())


def test_iso_dates_are_times(write: Callable[..., str]) -> None:
    path = write("r.csv", "user,item,rating,date\nu,i,3,1970-01-02\nu,j,3,1970-01-01T00:00:09Z\n")

    assert [row[4] for _, row in rows(settings(path))] == [86_400, 9]


@pytest.mark.parametrize(
    ("names", "items", "users"),
    [
        (
            ("u.data", "u.item", "u.user"),
            "1|Café (1995)|01-Jan-1995||http://x|0|0|0|1|" + "|".join("0" * 14) + "|1\n",
            "7|24|M|writer|85711\n",
        ),
        (
            ("ratings.dat", "movies.dat", "users.dat"),
            "1::Café (1995)::Animation|Western\n",
            "7::M::24::writer::85711\n",
        ),
    ],
    ids=["ml-100k", "ml-1m"],
)
def test_movielens_tables_are_read_as_published(
    write: Callable[..., str], names: tuple[str, str, str], items: str, users: str
) -> None:
    source = write(names[0], "7\t1\t3\t881250949\n").rpartition("/")[0]
    write(names[1], items.encode("latin-1"))
    write(names[2], users)
    layout = find_layout(settings(source))
    assert layout.items
    assert layout.users

    ((item, (_, item_record)),) = parse_rows(0, layout.items, EntityOf("item_id"))
    ((user, (_, user_record)),) = parse_rows(0, layout.users, EntityOf("user_id"))

    assert (item, user) == ("1", "7")
    assert item_record == {"item_id": "1", "title": "Café (1995)", "genres": ["Animation", "Western"]}
    assert user_record == {"user_id": "7", "age": "24", "gender": "M", "occupation": "writer"}
