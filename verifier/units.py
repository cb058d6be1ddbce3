"""Spellings of units and currencies.

Promises: a known spelling maps to one canonical name; nothing is converted, so `1 m` is not
`100 cm` (PEERS: both sides with different units are different). An unknown word beside a value
is a label of its own.
"""

from __future__ import annotations

_SPELLINGS = {
    "mm": "mm millimeter millimeters millimetre millimetres",
    "cm": "cm cms centimeter centimeters centimetre centimetres",
    "dm": "dm decimeter decimeters decimetre decimetres",
    "m": "m meter meters metre metres",
    "km": "km kms kilometer kilometers kilometre kilometres",
    "in": "in inch inches",
    "ft": "ft foot feet",
    "yd": "yd yds yard yards",
    "mi": "mi mile miles",
    "mg": "mg milligram milligrams",
    "g": "g gram grams",
    "kg": "kg kgs kilogram kilograms",
    "t": "t ton tons tonne tonnes",
    "lb": "lb lbs pound pounds",
    "oz": "oz ounce ounces",
    "ml": "ml mL milliliter milliliters millilitre millilitres",
    "l": "l L liter liters litre litres",
    "gal": "gal gallon gallons",
    "s": "s sec secs second seconds",
    "ms": "ms millisecond milliseconds",
    "min": "min mins minute minutes",
    "h": "h hr hrs hour hours",
    "day": "day days",
    "week": "week weeks",
    "month": "month months",
    "year": "year years yr yrs",
    "$": "dollar dollars usd USD buck bucks",
    "¢": "cent cents",
    "€": "euro euros EUR",
    "£": "GBP",
    "¥": "yuan yen RMB CNY",
    "₹": "rupee rupees INR Rs",
    "mph": "mph",
    "kph": "kph kmh",
    "rpm": "rpm",
    "Hz": "Hz hertz",
    "kHz": "kHz",
    "MHz": "MHz",
    "N": "N newton newtons",
    "J": "J joule joules",
    "kJ": "kJ",
    "W": "W watt watts",
    "kW": "kW",
    "V": "V volt volts",
    "A": "A amp amps ampere amperes",
    "Ω": "ohm ohms",
    "Pa": "Pa pascal pascals",
    "kPa": "kPa",
    "mol": "mol mole moles",
    "°": "deg degree degrees",
    "rad": "rad rads radian radians",
    "%": "percent percents percentage pct",
    "": "unit units",
    "MB": "MB megabyte megabytes",
    "GB": "GB gigabyte gigabytes",
    "KB": "KB kilobyte kilobytes",
    "ha": "ha hectare hectares",
    "acre": "acre acres",
}

UNITS: dict[str, str] = {spelling: name for name, line in _SPELLINGS.items() for spelling in line.split()}

CURRENCY_SIGNS = {"$": "$", "€": "€", "£": "£", "¥": "¥", "₹": "₹", "¢": "¢"}

# One letter outside \text or \mathrm is a symbol (3m+2), whatever its spelling here; so are the
# short words that are more often something else.
_NOT_BARE = {"in", "min", "deg", "rad", "ha", "t", "Rs"}
BARE_UNITS = {s for s in UNITS if len(s) > 1 and s not in _NOT_BARE}


def canonical_unit(word: str) -> str | None:
    """The canonical name of a known spelling (any case for long words), else None.

    >>> canonical_unit("Inches"), canonical_unit("kg"), canonical_unit("apples")
    ('in', 'kg', None)
    """
    found = UNITS.get(word)
    if found is None and len(word) > 2:
        found = UNITS.get(word.lower())
    return found
