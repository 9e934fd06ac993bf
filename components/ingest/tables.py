"""The tables of users, items and interactions, columns named as people do."""

from __future__ import annotations

from components.ingest.columns import Column, Table
from components.ingest.settings import RatingsData, TableData

_USER = Column(
    "user_id",
    frozenset(
        {
            "userid",
            "user",
            "uid",
            "username",
            "reviewerid",
            "customerid",
            "memberid",
            "visitorid",
            "accountid",
        }
    ),
    required=True,
)
_ITEM = Column(
    "item_id",
    frozenset(
        {
            "itemid",
            "item",
            "iid",
            "movieid",
            "movie",
            "bookid",
            "book",
            "isbn",
            "asin",
            "productid",
            "product",
        }
        | {"parentasin", "songid", "trackid", "artistid", "articleid", "newsid", "gameid", "recipeid"}
    ),
    required=True,
)
_RATING = Column(
    "rating", frozenset({"ratings", "score", "stars", "star", "overall", "bookrating", "starrating"})
)
_TIMESTAMP = Column(
    "timestamp",
    frozenset({"time", "ts", "unixreviewtime", "unixtime", "datetime", "date", "createdat"}),
    otherwise="Or split another way: `--set data.split.method=random`.",
)

ITEMS = Table(
    "items",
    (
        Column("item_id", _ITEM.aliases | {"id"}, required=True),
        Column(
            "title", frozenset({"name", "itemtitle", "movietitle", "booktitle", "itemname", "productname"})
        ),
        Column("genres", frozenset({"genre", "categories", "category"})),
    ),
    positional=(("item_id", "title"), ("item_id", "title", "genres")),
)
USERS = Table(
    "users",
    (
        Column("user_id", _USER.aliases | {"id"}, required=True),
        Column("age"),
        Column("gender", frozenset({"sex"})),
        Column("occupation", frozenset({"job", "profession"})),
    ),
    positional=(("user_id", "age", "gender", "occupation"),),
)

_ML_100K_GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *(
        "Fantasy",
        "Film-Noir",
        "Horror",
        "Musical",
        "Mystery",
        "Romance",
        "Sci-Fi",
        "Thriller",
        "War",
        "Western",
    ),
)
ML_100K_ITEMS = Table(
    "items",
    ITEMS.columns,
    positional=(("item_id", "title", "", "", ""),),
    header=False,
    flags=_ML_100K_GENRES,
)
ML_100K_USERS = Table(
    "users", USERS.columns, positional=(("user_id", "age", "gender", "occupation", ""),), header=False
)
ML_1M_ITEMS = Table("items", ITEMS.columns, positional=(("item_id", "title", "genres"),), header=False)
ML_1M_USERS = Table(
    "users", USERS.columns, positional=(("user_id", "gender", "age", "occupation", ""),), header=False
)


def interactions(data: TableData) -> Table:
    """Return the table of interactions that `data` needs.

    A rating is required for `RatingsData`, a timestamp for `leave_last`.
    """
    rated = isinstance(data, RatingsData)
    timed = data.split.method == "leave_last"
    rating = Column("rating", _RATING.aliases, required=rated)
    timestamp = Column("timestamp", _TIMESTAMP.aliases, required=timed, otherwise=_TIMESTAMP.otherwise)
    pair = ("user_id", "item_id")
    untimed = (*pair, "rating") if rated else pair
    full = (*pair, "rating", "timestamp")
    positional: list[tuple[str, ...]] = [full] if timed else [untimed, full]
    if not rated:
        positional.append((*pair, "timestamp"))
    return Table(
        "ratings" if rated else "interactions",
        (_USER, _ITEM, rating, timestamp),
        positional=tuple(positional),
        header_if_unsure=rated,
    )
