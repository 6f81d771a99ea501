"""Every way in which a dataset can be wrong: one change each to `oracles.small`."""

from __future__ import annotations

from oracles import small


def change(table, row, **cells):
    return lambda t: t[table][row - 1].update(cells)


def add(table, *rows):
    return lambda t: t[table].extend(rows)


# name: (how the dataset is broken, the table, the rows that must be listed, words of each row's reason)
BROKEN = {
    "cycle": (change("products", 2, parent_id="battery"), "products", [2, 3], "cycle"),
    "own parent": (change("products", 6, parent_id="solar"), "products", [6], "cycle"),
    "cycle only at some dates": (
        # battery lies below cell until 2022-06-01, cell below battery from 2022-01-01
        lambda t: (
            t["products"][2].update(parent_id="cell", valid_to="2022-06-01"),
            t["products"].append(small.product("battery", "energy", valid_from="2022-06-01")),
        ),
        "products",
        [3, 5],
        "cycle on 2022-01-01",
    ),
    "two parents": (
        add("products", small.product("solar", "food")),
        "products",
        [6, 8],
        "two parents at one time",
    ),
    "two parents for a while": (
        change("products", 4, valid_to="2022-01-02"),
        "products",
        [4, 5],
        "two parents at one time",
    ),
    "root and child": (add("products", small.product("solar", None)), "products", [6, 8], "two parents"),
    "unknown parent": (change("products", 6, parent_id="wind"), "products", [6], "parent_id wind is not in"),
    "unknown product": (
        change("segments", 2, product_id="wind"),
        "segments",
        [2],
        "product_id wind is not in",
    ),
    "unknown company": (change("segments", 6, company_id="Z"), "segments", [6], "company_id Z is not in"),
    "unknown industry": (
        change("company_industries", 3, industry_id="I9"),
        "company_industries",
        [3],
        "industry_id I9 is not in",
    ),
    "unknown company in an industry": (
        change("company_industries", 3, company_id="Z"),
        "company_industries",
        [3],
        "company_id Z",
    ),
    "unknown member": (change("universes", 4, company_id="Z"), "universes", [4], "company_id Z is not in"),
    "unknown parent industry": (change("industries", 2, parent_id="I9"), "industries", [2], "parent_id I9"),
    "industry cycle": (change("industries", 1, parent_id="I11"), "industries", [1, 2], "cycle"),
    "unknown supplier": (change("product_links", 1, supplier_id="x"), "product_links", [1], "supplier_id x"),
    "unknown customer": (change("product_links", 1, customer_id="x"), "product_links", [1], "customer_id x"),
    "weight above 1": (change("segments", 6, weight="1.001"), "segments", [6], "outside 0..1"),
    "weight below 0": (change("segments", 6, weight="-0.1"), "segments", [6], "outside 0..1"),
    "index weight in percent": (change("universes", 1, weight="3.5"), "universes", [1], "outside 0..1"),
    "link weight": (change("product_links", 1, weight="2"), "product_links", [1], "outside 0..1"),
    "a report above 1": (change("segments", 2, weight="0.4051"), "segments", [1, 2], "add up to 1.0051"),
    "spans above 1": (change("segments", 11, weight="0.706"), "segments", [10, 11], "1.006 on 2021-09-01"),
    "a product twice at one time": (
        change("segments", 9, valid_to="2021-09-02", weight="0.1"),
        "segments",
        [9, 10],
        "twice at one time",
    ),
    "valid_to on valid_from": (
        change("segments", 9, valid_to="2021-01-01"),
        "segments",
        [9],
        "not after valid_from",
    ),
    "valid_to before valid_from": (
        change("universes", 1, valid_to="2019-01-01"),
        "universes",
        [1],
        "valid_to is not after valid_from",
    ),
    "industry span": (
        change("company_industries", 1, valid_to="2020-01-01"),
        "company_industries",
        [1],
        "not after valid_from",
    ),
    "product span": (
        change("products", 6, valid_from="2020-01-01", valid_to="2019-01-01"),
        "products",
        [6],
        "not after valid_from",
    ),
    "delisted before listed": (
        change("companies", 2, delisted_on="2011-01-04"),
        "companies",
        [2],
        "delisted_on is not after listed_on",
    ),
    "announced early": (
        change("segments", 6, announced_on="2020-12-30"),
        "segments",
        [6],
        "announced_on is before period_end",
    ),
    "overlapping memberships": (change("universes", 1, valid_to=""), "universes", [1, 2], "overlaps"),
    "overlap by a day": (change("universes", 1, valid_to="2021-12-02"), "universes", [1, 2], "overlaps"),
    "two industries at once": (
        change("company_industries", 2, valid_from="2021-06-30"),
        "company_industries",
        [1, 2],
        "overlaps",
    ),
    "overlapping links": (
        add("product_links", {"supplier_id": "cell", "customer_id": "battery", "valid_from": "2020-01-01"}),
        "product_links",
        [1, 3],
        "overlaps",
    ),
    "segments that disagree": (
        add("segments", small.report("B", "food", "2020-12-31", "2021-04-28", 0.9)),
        "segments",
        [6, 12],
        "says otherwise: company_id B, product_id food",
    ),
    "companies that disagree": (
        add("companies", {"company_id": "B", "name": "Other"}),
        "companies",
        [2, 4],
        "says otherwise: company_id B",
    ),
    "names that disagree": (
        add("products", small.product("food", None) | {"name": "x"}),
        "products",
        [7, 8],
        "says otherwise",
    ),
    "no day": (
        change("segments", 1, announced_on="2021-02-30"),
        "segments",
        [1],
        "announced_on cannot be read",
    ),
    "no span end": (
        change("universes", 1, valid_to="soon"),
        "universes",
        [1],
        "valid_to cannot be read as an ISO day",
    ),
    "no number": (change("segments", 1, weight="60%"), "segments", [1], "weight cannot be read as a number"),
    "infinite": (change("segments", 1, weight="inf"), "segments", [1], "weight is infinite"),
    "no product id": (change("products", 6, product_id=""), "products", [6], "product_id is empty"),
    "no company id": (change("segments", 6, company_id="  "), "segments", [6], "company_id is empty"),
    "no member start": (change("universes", 1, valid_from=""), "universes", [1], "valid_from is empty"),
    "an endless id": (change("universes", 4, universe="U" * 1001), "universes", [4], "longer than 1000"),
    "weight and revenue": (change("segments", 6, revenue="5"), "segments", [6], "both weight and revenue"),
    "neither": (change("segments", 6, weight=""), "segments", [6], "neither weight nor revenue"),
    "revenue in one row": (
        change("segments", 2, weight="", revenue="5"),
        "segments",
        [1, 2],
        "weight in some rows and revenue in others",
    ),
    "negative revenue": (
        change("segments", 6, weight="", revenue="-5"),
        "segments",
        [6],
        "revenue is negative",
    ),
    "no revenue at all": (change("segments", 6, weight="", revenue="0"), "segments", [6], "adds up to 0"),
    "report and span": (
        change("segments", 6, valid_from="2021-01-01"),
        "segments",
        [6],
        "both report dates and a span",
    ),
    "no dates": (
        change("segments", 6, period_end="", announced_on=""),
        "segments",
        [6],
        "neither period_end and announced_on nor valid_from",
    ),
    "half a report": (
        change("segments", 6, announced_on=""),
        "segments",
        [6],
        "one of its two dates is empty",
    ),
    "half a span": (change("segments", 9, valid_from=""), "segments", [9], "one of its two dates is empty"),
}
