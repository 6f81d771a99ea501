"""Words of the simulated economy. All companies are invented; products carry ordinary names."""

# sector -> group -> market -> families, from upstream to downstream: a supplier's family stands before
# its customer's. Sectors are level 1, groups 2, markets 3, families 4.
CATALOGUE: dict[str, dict[str, dict[str, list[str]]]] = {
    "Mining and metals": {
        "Ferrous metals": {"Iron ore": ["iron ore pellets"], "Steel": ["flat steel", "structural steel"]},
        "Base metals": {
            "Copper": ["copper cathode"],
            "Aluminium": ["aluminium sheet", "aluminium extrusions"],
        },
        "Battery metals": {
            "Lithium": ["lithium salts"],
            "Rare metals": ["cobalt powders", "rare earth oxides"],
        },
    },
    "Energy": {
        "Oil and gas": {"Fuels": ["natural gas", "refined fuels"], "Oilfield services": ["drilling tools"]},
        "Power": {"Generation": ["thermal power", "hydropower"], "Grid": ["power cables"]},
        "Renewables": {"Solar": ["solar wafers", "solar modules"], "Wind": ["wind turbines"]},
    },
    "Chemicals": {
        "Basic chemicals": {"Inorganics": ["caustic soda"], "Organics": ["methanol", "ethylene derivatives"]},
        "Specialty chemicals": {
            "Coatings": ["industrial coatings"],
            "Polymers": ["engineering plastics", "fluoropolymers"],
        },
        "Agrochemicals": {
            "Fertilisers": ["potash fertilisers"],
            "Crop protection": ["herbicides", "fungicides"],
        },
    },
    "Electronics": {
        "Semiconductors": {
            "Chips": ["memory chips", "power semiconductors"],
            "Chip making": ["silicon wafers"],
        },
        "Components": {
            "Boards": ["printed circuit boards"],
            "Passives": ["ceramic capacitors", "connectors"],
        },
        "Devices": {"Displays": ["display panels"], "Optics": ["camera lenses", "optical modules"]},
    },
    "Machinery and transport": {
        "Machinery": {"Automation": ["industrial robots", "servo drives"], "Heavy machines": ["excavators"]},
        "Vehicles": {
            "Cars": ["electric cars", "commercial vehicles"],
            "Car parts": ["traction batteries", "brake systems"],
        },
        "Transport services": {
            "Freight": ["container shipping"],
            "Delivery": ["express parcels", "cold-chain logistics"],
        },
    },
    "Health": {
        "Pharmaceuticals": {"Drugs": ["oncology drugs", "generic drugs"], "Vaccines": ["vaccines"]},
        "Medical devices": {
            "Diagnostics": ["in-vitro reagents"],
            "Implants": ["orthopaedic implants", "stents"],
        },
        "Health services": {"Research services": ["contract research"], "Care": ["eye clinics"]},
    },
    "Consumer goods": {
        "Food": {"Beverages": ["spirits", "dairy drinks"], "Staples": ["cooking oils", "frozen foods"]},
        "Household": {
            "Appliances": ["air conditioners", "kitchen appliances"],
            "Furniture": ["fitted furniture"],
        },
        "Apparel": {"Clothing": ["sportswear"], "Textiles": ["cotton yarn", "technical textiles"]},
    },
    "Digital and property": {
        "Software": {
            "Business software": ["accounting software", "security software"],
            "Cloud": ["cloud hosting"],
        },
        "Media": {"Games": ["mobile games"], "Advertising": ["online advertising"]},
        "Property": {"Building": ["cement", "prefabricated housing"], "Estates": ["logistics parks"]},
    },
}

# Levels 5 to 12: each sibling takes one of these. The first three stand before the noun, the rest after.
QUALIFIERS: dict[int, tuple[str, ...]] = {
    5: (
        "high-purity",
        "standard",
        "high-performance",
        "low-carbon",
        "recycled",
        "premium",
        "custom",
        "digital",
    ),
    6: ("industrial", "consumer", "professional", "medical-grade", "automotive-grade", "marine", "precision"),
    7: ("compact", "mid-range", "large-format", "high-capacity", "lightweight", "modular", "portable"),
    8: ("for utilities", "for factories", "for hospitals", "for households", "for exporters", "for builders"),
    9: ("single units", "assemblies", "kits", "bulk lots", "refills", "service contracts"),
    10: ("first generation", "second generation", "third generation", "next generation", "legacy line"),
    11: ("domestic standard", "EU standard", "US standard", "ISO standard", "dual standard"),
    12: ("direct sales", "distributor packs", "made to order", "refurbished", "subscription", "licensed"),
}

_HEADS = (
    "Abren", "Belqu", "Cavor", "Dovel", "Estav", "Fenqu", "Gorim", "Helvo", "Ikora", "Juvan", "Kestr",
    "Lomar", "Mirov", "Nelqu", "Oskav", "Pavel", "Quorv", "Rovan", "Selqu", "Tovar", "Ulmer", "Velqu",
    "Wexor", "Yavor", "Zelqu",
)  # fmt: skip
_TAILS = ("ane", "ida", "ium", "old", "ora", "und", "yne", "eth")
_FORMS = ("Holdings", "Industries", "Group", "Works", "Technologies", "Enterprises", "Partners", "Systems")


def company_name(number: int) -> str:
    """The name of the company with this number, unique below 1,600 and numbered above."""
    per_round = len(_HEADS) * len(_TAILS) * len(_FORMS)
    turn, rest = divmod(number * 677 % per_round + (number // per_round) * per_round, per_round)
    head, rest = rest % len(_HEADS), rest // len(_HEADS)
    tail, form = rest % len(_TAILS), rest // len(_TAILS)
    name = f"{_HEADS[head]}{_TAILS[tail]} {_FORMS[form]}"
    return name if turn == 0 else f"{name} {turn + 1}"
