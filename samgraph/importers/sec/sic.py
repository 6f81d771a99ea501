"""The Standard Industrial Classification (U.S. Office of Management and Budget, 1987): divisions and major groups."""

from __future__ import annotations

import pandas as pd

# first and last major group -> letter and name of the division
_DIVISIONS: tuple[tuple[int, int, str, str], ...] = (
    (1, 9, "A", "Agriculture, Forestry and Fishing"),
    (10, 14, "B", "Mining"),
    (15, 17, "C", "Construction"),
    (20, 39, "D", "Manufacturing"),
    (40, 49, "E", "Transportation and Public Utilities"),
    (50, 51, "F", "Wholesale Trade"),
    (52, 59, "G", "Retail Trade"),
    (60, 67, "H", "Finance, Insurance and Real Estate"),
    (70, 89, "I", "Services"),
    (91, 99, "J", "Public Administration"),
)
_GROUPS = {
    1: "Crops", 2: "Livestock", 7: "Agricultural Services", 8: "Forestry", 9: "Fishing", 10: "Metal Mining",
    12: "Coal Mining", 13: "Oil and Gas Extraction", 14: "Nonmetallic Minerals", 15: "Building Construction",
    16: "Heavy Construction", 17: "Special Trade Contractors", 20: "Food", 21: "Tobacco", 22: "Textiles",
    23: "Apparel", 24: "Lumber and Wood", 25: "Furniture", 26: "Paper", 27: "Printing and Publishing",
    28: "Chemicals", 29: "Petroleum Refining", 30: "Rubber and Plastics", 31: "Leather", 32: "Stone, Clay and Glass",
    33: "Primary Metals", 34: "Fabricated Metal Products", 35: "Industrial Machinery and Computers",
    36: "Electronic Equipment", 37: "Transportation Equipment", 38: "Instruments", 39: "Miscellaneous Manufacturing",
    40: "Railroads", 41: "Passenger Transit", 42: "Trucking and Warehousing", 43: "Postal Service",
    44: "Water Transportation", 45: "Air Transportation", 46: "Pipelines", 47: "Transportation Services",
    48: "Communications", 49: "Electric, Gas and Sanitary Services", 50: "Wholesale, Durable Goods",
    51: "Wholesale, Nondurable Goods", 52: "Building Materials Stores", 53: "General Merchandise Stores",
    54: "Food Stores", 55: "Automotive Dealers and Service Stations", 56: "Apparel Stores",
    57: "Home Furnishings Stores", 58: "Eating and Drinking Places", 59: "Miscellaneous Retail",
    60: "Depository Institutions", 61: "Nondepository Credit", 62: "Security and Commodity Brokers",
    63: "Insurance Carriers", 64: "Insurance Agents", 65: "Real Estate", 67: "Holding and Investment Offices",
    70: "Hotels and Lodging", 72: "Personal Services", 73: "Business Services", 75: "Automotive Repair and Parking",
    76: "Miscellaneous Repair", 78: "Motion Pictures", 79: "Amusement and Recreation", 80: "Health Services",
    81: "Legal Services", 82: "Educational Services", 83: "Social Services", 84: "Museums and Gardens",
    86: "Membership Organizations", 87: "Engineering and Management Services", 88: "Private Households",
    89: "Services Not Elsewhere Classified", 99: "Nonclassifiable",
}  # fmt: skip


def industry(code: str) -> str:
    """The id of a four-digit code as filed (`3711`, `100`), "" where it lies in no division."""
    if not (code.isascii() and code.isdigit() and len(code) <= 4):
        return ""
    return f"SIC {code.zfill(4)}" if _letter(int(code) // 100) else ""


def major_group(industry_id: str) -> str:
    """The id of an industry's major group: `SIC 3711` -> `SIC 37`; "" of ""."""
    return industry_id[:6]


def above(node: str) -> str:
    """The parent of an industry, a major group or a division ("" of a division)."""
    if len(node) == len("SIC 0000"):
        return major_group(node)
    return f"SIC {_letter(int(node[4:]))}" if node[4:].isdigit() else ""


def name(node: str) -> str:
    """What an industry, a major group or a division is called; a four-digit industry by its code."""
    code = node[4:]
    if not code.isdigit():
        return next(title for _, _, letter, title in _DIVISIONS if letter == code)
    return _GROUPS.get(int(code), node) if len(code) == 2 else node


def with_ancestors(nodes: set[str]) -> list[str]:
    """These nodes and all above them, sorted."""
    found = set(nodes)
    for node in nodes:
        up = above(node)
        while up:
            found.add(up)
            up = above(up)
    return sorted(found)


def industries_table(used: set[str]) -> pd.DataFrame:
    """The table `industries`: the used four-digit industries, their major groups and divisions."""
    nodes = with_ancestors(used)
    return pd.DataFrame(
        {
            "industry_id": nodes,
            "name": [name(one) for one in nodes],
            "parent_id": [above(one) for one in nodes],
        },
        dtype="str",
    )


def _letter(group: int) -> str:
    return next((letter for low, high, letter, _ in _DIVISIONS if low <= group <= high), "")
