"""Strings for rendered scenes: words, numbers, plates, prices, dates, codes, units."""

from __future__ import annotations

import numpy as np

_WORDS = """
exit entry station platform north south market street avenue bridge airport harbour gate danger
caution stop slow school hospital pharmacy bakery coffee hotel museum library theatre parking
closed open private push pull fire alarm first aid water high voltage speed limit weight tonnes
Ausgang Eingang Achtung Bahnhof Gleis Straße Brücke Vorsicht Rathaus Apotheke Bäckerei Feuer
sortie entrée attention rue gare quai boulangerie défense fermé ouvert salida entrada calle plaza
peligro abierto cerrado uscita ingresso pericolo vietato farmacia fermata treno piazza chiuso
invoice total amount account number date order receipt name address signature paid balance serial
model version warning battery signal sample patient dose left right before after maximum minimum
river lake mountain valley forest garden summer winter spring monday friday september january
quick brown silver orange yellow purple black white green kilometre minute second battery engine
""".split()  # noqa: SIM905

_UNITS = ("km", "km/h", "kg", "t", "m", "mm", "V", "A", "Hz", "bar", "°C", "%", "L", "min", "mg")
_CURRENCIES = ("€", "$", "£", "CHF ", "")
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


def draw_string(generator: np.random.Generator) -> str:
    """A short string of the sort that signs, labels and documents carry."""
    kind = generator.integers(0, 9)
    if kind <= 2:
        words = [str(generator.choice(_WORDS)) for _ in range(generator.integers(1, 4))]
        style = generator.integers(0, 3)
        text = " ".join(words)
        return text.upper() if style == 0 else text.title() if style == 1 else text
    if kind == 3:
        return str(generator.integers(10 ** generator.integers(1, 5)))
    if kind == 4:
        letters = "".join(generator.choice(list(_LETTERS), size=2))
        return f"{letters} {generator.integers(100, 1000)} {generator.choice(list(_LETTERS))}"
    if kind == 5:
        currency = generator.choice(_CURRENCIES)
        return f"{currency}{generator.integers(0, 500)}.{generator.integers(0, 100):02d}"
    if kind == 6:
        day, month = generator.integers(1, 29), generator.integers(1, 13)
        return f"{day:02d}.{month:02d}.{generator.integers(1950, 2031)}"
    if kind == 7:
        return f"{generator.integers(1, 400)} {generator.choice(_UNITS)}"
    symbols = list(_LETTERS + "0123456789")
    return "".join(generator.choice(symbols, size=generator.integers(4, 10)))
