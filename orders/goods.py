"""The demo's catalogue: a dozen goods, drawn by us, with prices set by hand per currency."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Good:
    """One good of the demo; prices in minor units."""

    sku: str
    title: str
    title_de: str
    description: str
    description_de: str
    stock: int
    prices: dict[str, int]


def _prices(eur: int, usd: int, brl: int, cny: int, inr: int, jpy: int) -> dict[str, int]:
    return {"EUR": eur, "USD": usd, "BRL": brl, "CNY": cny, "INR": inr, "JPY": jpy}


#: Tax included; KWD has three decimals, JPY none.
GOODS = (
    Good(
        "mug-blue",
        "Blue stoneware mug",
        "Blaue Steinzeugtasse",
        "Holds 350 ml and the warmth of a long morning.",
        "Fasst 350 ml und die Wärme eines langen Morgens.",
        500,
        {**_prices(1800, 1990, 10900, 13900, 169900, 2980), "KWD": 6150},
    ),
    Good(
        "tea-sencha",
        "Sencha, first flush",
        "Sencha, erste Ernte",
        "80 g of green tea, picked in spring.",
        "80 g grüner Tee, im Frühjahr gepflückt.",
        800,
        _prices(1250, 1390, 7590, 9800, 119900, 2080),
    ),
    Good(
        "notebook-dot",
        "Dotted notebook",
        "Notizbuch, punktkariert",
        "192 pages that lie flat, thread-bound.",
        "192 Seiten, die flach liegen, fadengeheftet.",
        600,
        _prices(1499, 1649, 8990, 11800, 139900, 2480),
    ),
    Good(
        "pen-fountain",
        "Fountain pen",
        "Füllfederhalter",
        "Brass body, steel nib, refills with any ink.",
        "Messinggehäuse, Stahlfeder, nimmt jede Tinte.",
        300,
        _prices(4900, 5390, 29900, 38500, 459900, 8080),
    ),
    Good(
        "candle-cedar",
        "Cedar candle",
        "Zedernkerze",
        "Burns for forty hours and smells of a dry forest.",
        "Brennt vierzig Stunden und riecht nach trockenem Wald.",
        500,
        _prices(2200, 2390, 13400, 17200, 204900, 3630),
    ),
    Good(
        "bag-canvas",
        "Canvas bag",
        "Leinentasche",
        "Carries eighteen litres, washes at thirty degrees.",
        "Trägt achtzehn Liter, wäscht sich bei dreißig Grad.",
        400,
        _prices(3450, 3790, 20900, 27000, 319900, 5690),
    ),
    Good(
        "plant-fern",
        "Potted fern",
        "Farn im Topf",
        "Likes shade and a little water each week.",
        "Mag Schatten und jede Woche etwas Wasser.",
        200,
        _prices(1690, 1850, 10300, 13200, 156900, 2790),
    ),
    Good(
        "print-poster",
        "Letterpress poster",
        "Plakat im Buchdruck",
        "50 by 70 cm, printed by hand in two colours.",
        "50 mal 70 cm, von Hand in zwei Farben gedruckt.",
        250,
        _prices(2900, 3190, 17600, 22700, 269900, 4780),
    ),
    Good(
        "blanket-wool",
        "Wool blanket",
        "Wolldecke",
        "Merino, 130 by 180 cm, woven not far from here.",
        "Merino, 130 mal 180 cm, unweit von hier gewebt.",
        150,
        {**_prices(12900, 13990, 78500, 99900, 1199900, 21280), "KWD": 43900},
    ),
    Good(
        "lamp-desk",
        "Desk lamp",
        "Schreibtischlampe",
        "Warm light, a heavy foot, a switch one finds in the dark.",
        "Warmes Licht, schwerer Fuß, ein Schalter, den man im Dunkeln findet.",
        120,
        _prices(8900, 9690, 54200, 69800, 829900, 14680),
    ),
    Good(
        "clock-wall",
        "Wall clock",
        "Wanduhr",
        "Runs silently for a year on one battery.",
        "Läuft ein Jahr lautlos mit einer Batterie.",
        180,
        _prices(5990, 6490, 36500, 46900, 559900, 9880),
    ),
    Good(
        "vase-single",
        "One-off vase",
        "Vase, Einzelstück",
        "Thrown once; there is no second one.",
        "Einmal gedreht; es gibt keine zweite.",
        1,
        _prices(7400, 7990, 45000, 57900, 689900, 12200),
    ),
)

#: code, title, German title, prices
DELIVERIES = (
    (
        "standard",
        "Standard, 2 to 4 days",
        "Standard, 2 bis 4 Tage",
        {**_prices(490, 550, 2990, 3800, 45900, 800), "KWD": 1700},
    ),
    (
        "express",
        "Express, next day",
        "Express, am nächsten Tag",
        {**_prices(1290, 1390, 7900, 9900, 119900, 2100), "KWD": 4400},
    ),
    (
        "pickup",
        "Collect from the shop",
        "Abholen im Laden",
        {**_prices(0, 0, 0, 0, 0, 0), "KWD": 0},
    ),
)
