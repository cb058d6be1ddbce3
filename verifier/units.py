"""Spellings of units and currencies.

Promises: a known spelling maps to one canonical name; nothing is converted, so `1 m` is not
`100 cm` (PEERS: both sides with different units are different). An unknown word beside a value
is a label of its own.
"""

from __future__ import annotations

import re

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
    "mi/h": "mph",
    "km/h": "kph kmh kmph",
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

# Words that say something else than what a value is a value of.
NEVER_UNITS = frozenset(
    "half halves third thirds quarter quarters fourth fourths fifth fifths sixth sixths seventh eighth "
    "eighths ninth tenth tenths hundredth hundredths thousandth thousandths and or not is isn are was "
    "wrong incorrect plus minus times over divided multiplied mod modulo squared cubed factorial pi "
    "negative positive out less more than to from hundred thousand million billion trillion dozen infinity "
    "root power percentile".split()
)

# Words that scale the number before them.
SCALES = {
    "hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12,
}  # fmt: skip

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


_UNIT_PARTS = re.compile(r"\^\s*-?\d+|/|[^\s/^.,;:()!?]+")


def unit_name(text: str) -> str:
    """The canonical name of a unit or label.

    >>> unit_name("square inches"), unit_name("km / hour"), unit_name("red apples")
    ('in^2', 'km/h', 'red apple')
    """
    text = text.replace("per cent", "percent")
    powers: dict[str, int] = {}
    order: list[str] = []
    sign, pending, last = 1, 1, ""
    for part in _UNIT_PARTS.findall(text):
        lower = part.lower()
        if part == "/" or lower == "per":
            sign = -1
        elif part[0] == "^" or (last and part.isdigit()):
            if last:
                powers[last] *= max(-9, min(9, int(part.lstrip("^ "))))
        elif lower in ("square", "sq", "cubic", "cu"):
            pending = 2 if lower[0] == "s" else 3
        elif lower in ("squared", "cubed") and last:
            powers[last] *= 2 if lower == "squared" else 3
        elif lower not in ("of", "the", "a", "an", "in", "each", "every") or canonical_unit(part) and not order:
            name = canonical_unit(part)
            if name is None:
                name = lower[:-1] if len(lower) > 3 and lower.endswith("s") and not lower.endswith("ss") else lower
            if name:
                powers[name] = powers.get(name, 0) + sign * pending
                order.append(name)
            last, pending = name, 1
    above = [n if powers[n] == 1 else f"{n}^{powers[n]}" for n in order if powers[n] > 0]
    below = [n if powers[n] == -1 else f"{n}^{-powers[n]}" for n in order if powers[n] < 0]
    return " ".join(above) + ("/" + " ".join(below) if below else "")
